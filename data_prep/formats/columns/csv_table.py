"""CSV and TSV with a header, one token per row; the Kaggle "Annotated corpus" (GMB) is of this kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from data_prep.formats.columns import csv_sentences
from data_prep.formats.columns.csv_header import (
    Table,
    best_delimiter,
    chosen_columns,
    header_names,
    read_header,
)
from data_prep.formats.columns.csv_rows import TableRows
from data_prep.formats.columns.endless_sentence import unless_endless
from data_prep.formats.columns.names import SENTENCE_NAMES, is_header, plain_name
from data_prep.formats.columns.parse_columns import ColumnBlock, ColumnLayout, parse_columns
from data_prep.formats.columns.plan import WholeFileError, fix_features
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.problems import CorpusError
from data_prep.sentences.block import SentenceAssembler, SentenceIds
from data_prep.threads import ahead

SENTENCE, WORD, POS, TAG = "Sentence #", "Word", "POS", "Tag"
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
    begun = source if source.from_beginning is None else source.from_beginning()
    beginning = next(begun.blocks, None)
    if beginning is None:
        return
    header, _, text = beginning[1].partition("\n")
    table = _table(header, text, begun)
    others = [column for column in (table.sentence, table.document) if column is not None]
    layout = ColumnLayout(len(table.names), [table.token, table.tag, *table.features.values(), *others])
    has_header = source.file.piece is None or not source.file.piece.begin
    for first_line, text in itertools.chain([beginning], source.blocks) if begun is source else source.blocks:
        if has_header:
            first_line, text, has_header = first_line + 1, text.partition("\n")[2], False
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


def _read(source: Source, found: TableRows) -> Iterator[SentenceIds]:
    sentences, name, has_begun = SentenceAssembler(source.path), "", False
    for table, block in ahead(_parse(source)):
        rows, document_M = found.of(table, block)
        if table.sentence is not None and not has_begun and len(rows.opens_M) and not rows.opens_M[0]:
            what = f"a token before the first sentence: {table.names[table.sentence]!r} is empty"
            source.error(int(rows.line_M[0]), what, "token_before_sentences")
        has_begun = has_begun or bool(len(rows.line_M))
        sentences.add(*source.strings.ids(rows.columns), rows.line_M, rows.opens_M, document_M)
        if rows.ended:
            sentences.end_sentence()
        yield found.origins.complete(sentences.take())
        name = table.names[table.sentence or 0]
    if found.are_scattered():
        what = f"the rows of a sentence do not stand together: values of {name!r} come again; sort by it"
        source.error(2, what, "scattered_sentences")
    sentences.end_sentence()
    yield found.origins.complete(sentences.take())


def read(source: Source) -> Iterator[SentenceIds]:
    """A new value in the column of sentences opens one; without such a column, blank rows separate them."""
    advice = "name the column that says where they begin by --columns sentence=NAME, or separate them by empty lines"
    rows = TableRows(source)
    blocks = _read(source, rows)
    return unless_endless(source, blocks, "nothing separates sentences", advice, lambda: not rows.has_labels)


def sure_starts(source: Source) -> Iterator[int]:
    """`Format.sure_starts`: a new value in the column of sentences, after another one, or what separates sentences."""
    rows = TableRows(source)
    for table, block in _parse(source):
        yield from rows.sure_lines(table, block)


KAGGLE = Format(
    name="kaggle",
    description=f"CSV with the header '{SENTENCE},{WORD},{POS},{TAG}'",
    default_encoding="utf-8, else cp1252",
    evidence=f"a header with {SENTENCE!r}",
    recognise=recognise_kaggle,
    read=read,
    cut_at=lambda sample: "rows",
    sure_starts=sure_starts,
)
CSV = Format(
    name="csv",
    description="CSV or TSV with a header such as 'sentence_id,word,tag'; --columns names other columns",
    default_encoding="utf-8, else cp1252",
    evidence="a header that names a token and a tag column",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "rows",
    sure_starts=sure_starts,
)
