"""CSV and TSV with a sentence in each row: its tokens and its tags as lists, or separated by spaces."""

from __future__ import annotations

import csv
import re
from ast import literal_eval
from collections.abc import Iterator, Sequence

from data_prep.formats.columns.csv_header import DELIMITERS, chosen_columns, column_of, header_names
from data_prep.formats.columns.names import POS_NAMES, TAG_NAMES, TOKEN_NAMES, first_of
from data_prep.formats.columns.plan import named_tags
from data_prep.formats.columns.rows import drop_separators
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.read_records import reader
from data_prep.problems import CorpusError
from data_prep.sentences.record import Record
from data_prep.sources.source_files import QuotedRows
from data_prep.tags.tag_strings import is_well_formed
from ner_dist.contract.visible_text import shown

# Also the names of texts whose tokens are separated by spaces.
TEXT_NAMES = TOKEN_NAMES | {"text", "sentence", "sentences"}
# The items of a list as Python, JSON or NumPy writes it.
_ITEM = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,'"\[\]]+""")
_BETWEEN = re.compile(r"[\s,]*")
# csv's own limit is 128 KiB.
MAX_FIELD_CHARS = 1 << 25
SAMPLE_ROWS = 5


def parse_list(field: str) -> list[str]:
    """The items of a list, or the words of a text. Raises ValueError if a list is malformed."""
    field = field.strip()
    if not (field.startswith("[") and field.endswith("]") and len(field) > 1):
        return field.split()
    items, end, inside = [], 0, field[1:-1]
    for match in _ITEM.finditer(inside):
        if not _BETWEEN.fullmatch(inside, end, match.start()):
            raise ValueError(f"a malformed list: {shown(field[:60])}")
        items.append(_string(match[0]) if match[0][0] in "'\"" else match[0])
        end = match.end()
    if not _BETWEEN.fullmatch(inside, end):
        raise ValueError(f"a malformed list: {shown(field[:60])}")
    return items


def _string(quoted: str) -> str:
    """A string as Python writes it. Raises ValueError for what it would not write, such as NUL or an unknown escape."""
    try:
        return str(literal_eval(quoted))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"a malformed list: {shown(quoted[:60])}") from error


def _columns(names: Sequence[str], options: ReadOptions) -> dict[str, int] | None:
    """The columns "token", "tag" and, if there is one, "pos"; None if the header does not name them."""
    chosen = chosen_columns(options)
    found: dict[str, int] = {}
    for role, known in (("token", TEXT_NAMES), ("tag", TAG_NAMES), ("pos", POS_NAMES)):
        column = column_of(names, chosen[role], f"--columns {role}=") if role in chosen else first_of(names, known)
        if role == "token" and role not in chosen:
            # A column of tokens before one of texts: "Sentence #" is neither.
            exact = first_of(names, TOKEN_NAMES)
            column = column if exact is None else exact
        if column is not None:
            found[role] = column
    return found if {"token", "tag"} <= found.keys() else None


def _first_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines[: 4 * SAMPLE_ROWS], delimiter=delimiter))
    except csv.Error:
        return []


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    """Whether the first rows have as many tags as tokens, and more than one of them."""
    for delimiter in DELIMITERS:
        names = header_names(sample.lines[0], delimiter)
        try:
            columns = _columns(names, options) if len(names) > 1 else None
        except ValueError:
            columns = None
        if columns is None:
            continue
        rows = _first_rows(sample.lines[1:], delimiter)
        # The last row may be cut off.
        rows = (rows[:-1] or rows)[:SAMPLE_ROWS]
        if not rows or not all(_is_sentence(row, columns, len(names)) for row in rows):
            continue
        fields = [row[columns["tag"]] for row in rows]
        if any(field.startswith("[") or len(field.split()) > 1 for field in fields):
            return f"rows of sentences in the columns {names[columns['token']]!r} and {names[columns['tag']]!r}"
    return None


def _is_sentence(row: Sequence[str], columns: dict[str, int], num_columns: int) -> bool:
    if len(row) != num_columns:
        return False
    try:
        tokens, tags = (parse_list(row[columns[role]]) for role in ("token", "tag"))
    except ValueError:
        return False
    return len(tokens) == len(tags) > 0 and all(is_well_formed(tag) or tag.isdigit() for tag in tags)


def _lines(source: Source) -> Iterator[str]:
    for _, text in source.blocks:
        for line in text.split("\n"):
            yield line + "\n"


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: len(header_names(header, delimiter)))


def _header_and_rows(source: Source) -> tuple[str, Iterator[str], int]:
    """The header of the file, the lines after it, and the number of the first of them."""
    lines, piece = _lines(source), source.file.piece
    if piece is not None and piece.begin:
        assert source.from_beginning is not None
        return next(_lines(source.from_beginning()), ""), lines, piece.first_line
    return next(lines, ""), lines, 2


def records(source: Source) -> Iterator[Record]:
    header, lines, first_line = _header_and_rows(source)
    delimiter = _delimiter(header.rstrip("\n"))
    names = header_names(header.rstrip("\n"), delimiter)
    try:
        columns = _columns(names, source.options)
    except ValueError as error:
        raise CorpusError(f"{source.path}:1: error: {error}") from error
    if columns is None:
        found = ", ".join(map(repr, names))
        what = f"the header lacks a column of tokens or of tags; it has {found}"
        raise CorpusError(f"{source.path}:1: error: {what}; name them by --columns token=NAME tag=NAME")
    features = {name: column_of(names, place, f"--feature {name}=") for name, place in source.options.features}
    if not features and "pos" in columns and source.options.pos_column is not None:
        features["pos"] = columns["pos"]
    csv.field_size_limit(MAX_FIELD_CHARS)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = first_line + rows.line_num
        try:
            row = next(rows, None)
            if row is None:
                return
            if row and len(row) != len(names):
                line, what = delimiter.join(row), f"the row has {len(row)} fields, the header {len(names)}"
                if source.is_invisible(number, line):
                    continue
                if not drop_separators(source, number, row, len(names), what, line):
                    continue
            if row:
                yield _record(number, row, names, columns, features, source.options)
        except csv.Error as error:
            if source.from_beginning is not None:
                raise CorpusError(f"{source.path}:{number}: {error}, after which only the whole file tells") from error
            source.error(number, f"not a row of CSV: {error}", "malformed_line")
        except ValueError as error:
            source.refuse(number, error, kind="malformed_record")


def _record(
    number: int,
    row: Sequence[str],
    names: Sequence[str],
    columns: dict[str, int],
    features: dict[str, int],
    options: ReadOptions,
) -> Record:
    """Raises ValueError that says what is wrong with the row."""
    tokens, tags = (parse_list(row[columns[role]]) for role in ("token", "tag"))
    if options.tag_names:
        tags = list(map(named_tags(options.tag_names), tags))
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens in {names[columns['token']]!r}, but {len(tags)} tags")
    return Record(number, tokens, tags, features={name: parse_list(row[column]) for name, column in features.items()})


CSV_SENTENCES = Format(
    name="csv-sentences",
    description="CSV or TSV with a sentence per row: columns of tokens and tags, as lists or separated by spaces",
    default_encoding="utf-8, else cp1252",
    evidence="rows with as many tags as tokens",
    recognise=recognise,
    read=reader(records),
    cut_at=lambda sample: QuotedRows(_delimiter(sample.lines[0])) if sample.lines else None,
)
