"""The Kaggle "Annotated corpus" (GMB): CSV with the columns Sentence #, Word, POS, Tag, one token per row."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_prep.formats.block import SentenceAssembler, SentenceIds, TaggedSentences
from data_prep.formats.columns import ColumnBlock, ColumnLayout, ParsedColumns, code_rows, parse_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Source, WriteOptions, report_separators
from data_prep.formats.tag_strings import spell_tags
from data_prep.formats.text_source import split_lines
from data_prep.problems import CorpusError, Problems
from data_prep.threads import ahead

SENTENCE, WORD, POS, TAG = "Sentence #", "Word", "POS", "Tag"


def recognise(lines: list[str], options: ReadOptions) -> bool:
    return {SENTENCE, WORD, TAG} <= {name.strip().strip('"') for name in lines[0].split(",")}


def _row(line: str) -> list[str]:
    """The fields of one line. Raises csv.Error if a quoted field is malformed or does not end on the line."""
    return next(csv.reader([line], strict=True), [])


def _layout(header: str, path: Path) -> ColumnLayout:
    """The columns of the label, the token, the tag and, if there is one, the part of speech."""
    try:
        names = [name.strip() for name in _row(header)]
    except csv.Error:
        names = []
    missing = [name for name in (SENTENCE, WORD, TAG) if name not in names]
    if missing:
        raise CorpusError(
            f"{path}:1: error: the header lacks {', '.join(map(repr, missing))}; "
            f"expected {SENTENCE},{WORD},{POS},{TAG} with or without {POS}"
        )
    places = {name: column for column, name in enumerate(names)}
    return ColumnLayout(len(names), [places[name] for name in (SENTENCE, WORD, TAG, POS) if name in places])


def _parse(source: Source) -> Iterator[ColumnBlock]:
    """Blocks without the header."""
    layout: ColumnLayout | None = None
    for first_line, text in source.blocks:
        if layout is None:
            header, _, text = text.partition("\n")
            layout, first_line = _layout(header.removesuffix("\r"), source.path), first_line + 1
        yield ColumnBlock(first_line, text, layout, parse_columns(text, layout, ",", quoted=True))


def _parse_one_by_one(block: ColumnBlock, source: Source) -> ParsedColumns:
    """The valid rows of a block; the others are reported."""
    num_columns, wanted = block.layout
    rows, places = [], []
    for place, line in enumerate(split_lines(block.text)):
        try:
            row = _row(line)
        except csv.Error as error:
            what = "a quoted field opened here does not end on this line" if "end of data" in str(error) else str(error)
            source.error(block.first_line + place, f"not a row of CSV: {what}")
            continue
        if row and len(row) != num_columns:
            source.error(block.first_line + place, f"the row has {len(row)} fields, the header {num_columns}")
        elif row:
            rows.append(row)
            places.append(place)
    return ParsedColumns(code_rows(rows, wanted), np.array(places, np.int64))


def _openings(labels: pa.DictionaryArray, label: str) -> tuple[np.ndarray, str]:
    """Whether each row opens a sentence, that is, has another label than the last labelled row; and the last label."""
    texts, code_M = labels.dictionary.to_pylist(), labels.indices.to_numpy()
    codes = {text: code for code, text in enumerate(texts)}
    labelled = np.flatnonzero(code_M != codes.get("", -1))
    code = code_M[labelled]
    opens_M = np.zeros(len(code_M), bool)
    # Some copies of this corpus repeat the sentence's label on each of its rows.
    opens_M[labelled] = code != np.append(codes.get(label, -1), code[:-1])[: len(code)]
    return opens_M, texts[code[-1]] if len(code) else label


def read(source: Source) -> Iterator[SentenceIds]:
    """A new label in the first field opens a sentence."""
    label = ""
    sentences = SentenceAssembler(source.path)
    for block in ahead(_parse(source)):
        table = block.table or _parse_one_by_one(block, source)
        if len(table.line_M):
            labels, *columns = table.columns
            opens_M, label = _openings(labels, label)
            line_M = block.first_line + table.line_M
            if sentences.is_empty and not opens_M[0]:
                source.error(line_M[0], f"a token before the first sentence: {SENTENCE!r} is empty")
            sentences.add(*source.strings.ids(columns), line_M, opens_M)
        yield sentences.take()
    sentences.end_sentence()
    yield sentences.take()


def write(block: TaggedSentences, num_before: int, options: WriteOptions, problems: Problems) -> str:
    """CSV after a byte-order mark: without it, readers of this format would expect cp1252, not UTF-8."""
    report_separators("\n\r", block, options.entity_types, problems)
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    tag_M = spell_tags(block, options.entity_types, options.scheme)
    # An empty block does not show whether there are parts of speech.
    if not num_before and len(block.length_N):
        file.write("\ufeff")
        rows.writerow([SENTENCE, WORD, *([POS] if block.pos_M else []), TAG])
    for number, place in enumerate(block.sentence_slices(), num_before + 1):
        labels = itertools.chain([f"Sentence: {number}"], itertools.repeat(""))
        fields = (block.text_M[place], block.pos_M[place], tag_M[place])
        rows.writerows(zip(labels, *(values for values in fields if values)))
    return file.getvalue()


KAGGLE = Format(
    name="kaggle",
    description=f"CSV with the header '{SENTENCE},{WORD},{POS},{TAG}'",
    default_encoding="cp1252",
    evidence=f"a header with {SENTENCE!r}",
    recognise=recognise,
    read=read,
    write=write,
    endings=(".csv",),
)
