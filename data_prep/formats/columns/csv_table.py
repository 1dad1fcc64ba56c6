"""CSV and TSV with a header, one token per row; the Kaggle "Annotated corpus" (GMB) is of this kind."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from data_prep.formats.columns import csv_sentences
from data_prep.formats.columns.csv_header import (
    Table,
    best_delimiter,
    chosen_columns,
    header_names,
    read_header,
    split_row,
)
from data_prep.formats.columns.endless_sentence import unless_endless
from data_prep.formats.columns.names import SENTENCE_NAMES, is_header, plain_name
from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.columns.parse_columns import (
    ColumnBlock,
    ColumnLayout,
    ParsedColumns,
    code_rows,
    parse_columns,
)
from data_prep.formats.columns.plan import WholeFileError, fix_features, named_tags
from data_prep.formats.columns.rows import Rows, drop_separators, rows_with, with_tags, without
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.problems import CorpusError
from data_prep.sentences.block import SentenceAssembler, SentenceIds
from data_prep.sources.text_source import split_lines
from data_prep.threads import ahead

SENTENCE, WORD, POS, TAG = "Sentence #", "Word", "POS", "Tag"
# What stands where a row has no value: pandas and databases write it so.
NOTHING = frozenset(("", "nan", "NaN", "<NA>", "None", "NULL", "null"))
SAMPLE_LINES = 2000


def recognise_kaggle(sample: Sample, options: ReadOptions) -> str | None:
    names = set(header_names(sample.lines[0], ","))
    return f"a header with {SENTENCE!r}" if {SENTENCE, WORD, TAG} <= names else None


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    """Whether the first line names columns: with commas a token and a tag, with tabs also a sentence."""
    delimiter = best_delimiter(sample.lines[0])
    names = header_names(sample.lines[0], delimiter)
    chosen = chosen_columns(options)
    if {"token", "tag"} <= chosen.keys() and {chosen["token"], chosen["tag"]} <= set(names):
        return "a header with the columns of --columns"
    if not is_header(names) or recognise_kaggle(sample, options) or csv_sentences.recognise(sample, options):
        return None
    # Without it, lines of tabs with a header are columns with blank lines between sentences.
    if delimiter == "\t" and not any(plain_name(name) in SENTENCE_NAMES for name in names) and not chosen:
        return None
    return f"a header that names {' and '.join(map(repr, names[:4]))}"


def _parse(source: Source) -> Iterator[tuple[Table, ColumnBlock]]:
    """Blocks without the header."""
    table: Table | None = None
    for first_line, text in source.blocks:
        if table is None:
            header, _, text = text.partition("\n")
            table, first_line = _table(header, text, source), first_line + 1
            features = table.features
            others = [column for column in (table.sentence, table.document) if column is not None]
            layout = ColumnLayout(len(table.names), [table.token, table.tag, *features.values(), *others])
        parsed = parse_columns(text, layout, table.delimiter, quoted=table.quoted)
        yield table, ColumnBlock(first_line, text, layout, parsed)


def _table(header: str, text: str, source: Source) -> Table:
    """Raises CorpusError if the header does not say what is needed."""
    lines = text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES]
    try:
        table = read_header(header, [line for line in lines if line.strip()], source.options)
        return table._replace(features=fix_features(source, table.features, auto=not source.options.features))
    except WholeFileError as error:
        raise CorpusError(f"{source.path}: error: {error}") from error
    except ValueError as error:
        raise CorpusError(f"{source.path}:1: error: {error}") from error


def _parse_one_by_one(table: Table, block: ColumnBlock, source: Source) -> ParsedColumns:
    """The valid rows of a block; the others are reported."""
    num_columns, wanted = block.layout
    rows, places = [], []
    for place, line in enumerate(split_lines(block.text)):
        try:
            row = split_row(line, table.delimiter, table.quoted) if line else []
        except csv.Error as error:
            what = "a quoted field opened here does not end on this line" if "end of data" in str(error) else str(error)
            source.error(block.first_line + place, f"not a row of CSV: {what}", "malformed_line")
            continue
        if row and len(row) != num_columns:
            number = block.first_line + place
            what = f"the row has {len(row)} fields, the header {num_columns}"
            if source.is_invisible(number, line):
                continue
            if not drop_separators(source, number, row, num_columns, what, line):
                continue
        if row:
            rows.append(row)
            places.append(place)
    return ParsedColumns(code_rows(rows, wanted), np.array(places, np.int64))


def _openings(labels: pa.DictionaryArray, label: str) -> tuple[np.ndarray, str]:
    """Whether each row opens a sentence, that is, has another label than the last labelled row; and the last label."""
    texts, code_M = labels.dictionary.to_pylist(), labels.indices.to_numpy()
    codes = {text: code for code, text in enumerate(texts)}
    labelled = np.flatnonzero(~np.isin(code_M, [codes[text] for text in NOTHING if text in codes]))
    code = code_M[labelled]
    opens_M = np.zeros(len(code_M), bool)
    # Some copies of this corpus repeat the sentence's label on each of its rows.
    opens_M[labelled] = code != np.append(codes.get(label, -1), code[:-1])[: len(code)]
    return opens_M, texts[code[-1]] if len(code) else label


def _blank_rows(columns: Sequence[pa.DictionaryArray]) -> np.ndarray:
    """Which rows have neither a token nor a tag: bool (M,)."""
    if not _holds_empty(columns[0].dictionary):
        return np.zeros(len(columns[0]), bool)
    return rows_with(columns[0], lambda token: not token) & rows_with(columns[1], lambda tag: tag in NOTHING)


def _holds_empty(texts: pa.StringArray) -> bool:
    """Whether one of the strings is empty."""
    # Not texts.index(""): it loads pyarrow.compute, which takes longer than reading a small corpus.
    if not len(texts):
        return False
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bool((offsets[1:] == offsets[:-1]).any())


class _Rows:
    """Finds the sentences and documents of one block of rows after another."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.origins = ColumnOrigins()
        self._tag_of = named_tags(source.options.tag_names) if source.options.tag_names else str
        self._label, self._last_line, self._document = "", 1, 0
        # Rows; and sentences that were opened, by labels, and those whose label had been there before others.
        self._num_rows, self._num_opened, self._num_again = 0, 0, 0
        self._seen: set[str] = set()
        # Whether a column says where sentences begin.
        self.has_labels = True

    def of(self, table: Table, block: ColumnBlock) -> tuple[Rows, np.ndarray | None]:
        """The rows of tokens, and the document of each: int64 (M,), None if no column says it."""
        columns, place_M = block.table or _parse_one_by_one(table, block, self.source)
        line_M = block.first_line + place_M
        num_columns = 2 + len(table.features)
        blank_M = _blank_rows(columns)
        self.has_labels = table.sentence is not None
        if self.has_labels:
            opens_M, self._label = _openings(columns[num_columns], self._label)
            self._count_labels(columns[num_columns], opens_M)
        else:
            # Arrow skips empty lines.
            opens_M = (line_M != np.append(self._last_line, line_M)[:-1] + 1) | blank_M
            opens_M[1:] |= blank_M[:-1]
        self._last_line = int(line_M[-1]) if len(line_M) else self._last_line
        document_M = None
        if table.document is not None:
            names = columns[-1]
            document_M = self.origins.of_column(names.dictionary.to_pylist(), names.indices.to_numpy())
            opens_M |= document_M != np.append(self._document, document_M)[:-1]
            self._document = int(document_M[-1]) if len(document_M) else self._document
        rows = Rows(with_tags(self._tag_of, columns[:num_columns]), line_M, opens_M, ended=False)
        return without(rows, blank_M), document_M if document_M is None else document_M[~blank_M]

    def _count_labels(self, labels: pa.DictionaryArray, opens_M: np.ndarray) -> None:
        texts = labels.dictionary.to_pylist()
        opened = [texts[code] for code in labels.indices.to_numpy()[opens_M]]
        num_seen = len(self._seen)
        self._seen.update(opened)
        self._num_again += len(opened) - (len(self._seen) - num_seen)
        self._num_opened += len(opened)
        self._num_rows += len(opens_M)

    @property
    def are_scattered(self) -> bool:
        """Whether rows of a sentence stand apart from each other; labels may begin anew in each document."""
        few = self._num_rows < 2 * self._num_opened
        return few and self._num_opened >= 10 and 2 * self._num_again >= self._num_opened


def _read(source: Source, found: _Rows) -> Iterator[SentenceIds]:
    sentences, name = SentenceAssembler(source.path), ""
    for table, block in ahead(_parse(source)):
        rows, document_M = found.of(table, block)
        if table.sentence is not None and sentences.is_empty and len(rows.opens_M) and not rows.opens_M[0]:
            what = f"a token before the first sentence: {table.names[table.sentence]!r} is empty"
            source.error(int(rows.line_M[0]), what, "token_before_sentences")
        sentences.add(*source.strings.ids(rows.columns), rows.line_M, rows.opens_M, document_M)
        if rows.ended:
            sentences.end_sentence()
        yield found.origins.complete(sentences.take())
        name = table.names[table.sentence or 0]
    if found.are_scattered:
        what = f"the rows of a sentence do not stand together: values of {name!r} come again; sort by it"
        source.error(2, what, "scattered_sentences")
    sentences.end_sentence()
    yield found.origins.complete(sentences.take())


def read(source: Source) -> Iterator[SentenceIds]:
    """A new value in the column of sentences opens one; without such a column, blank rows separate them."""
    advice = "name the column that says where they begin by --columns sentence=NAME, or separate them by empty lines"
    rows = _Rows(source)
    blocks = _read(source, rows)
    return unless_endless(source, blocks, "nothing separates sentences", advice, lambda: not rows.has_labels)


KAGGLE = Format(
    name="kaggle",
    description=f"CSV with the header '{SENTENCE},{WORD},{POS},{TAG}'",
    default_encoding="utf-8, else cp1252",
    evidence=f"a header with {SENTENCE!r}",
    recognise=recognise_kaggle,
    read=read,
)
CSV = Format(
    name="csv",
    description="CSV or TSV with a header such as 'sentence_id,word,tag'; --columns names other columns",
    default_encoding="utf-8, else cp1252",
    evidence="a header that names a token and a tag column",
    recognise=recognise,
    read=read,
)
