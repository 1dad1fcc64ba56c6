"""Reader of the Kaggle "Annotated corpus" layout: CSV with the columns Sentence #, Word, POS, Tag."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import Block, OpenBlock, Rows, TextBlocks
from data_prep.formats.columns import Column, Table, parse
from data_prep.formats.numbering import Numbering, Strings
from data_prep.formats.text_source import split_lines
from data_prep.problems import CorpusError, Problems
from data_prep.threads import ahead

SENTENCE, WORD, POS, TAG = "Sentence #", "Word", "POS", "Tag"


def is_header(line: str) -> bool:
    return {SENTENCE, WORD, TAG} <= {name.strip().strip('"') for name in line.split(",")}


def _row(line: str) -> list[str]:
    """The fields of one line. Raises csv.Error if a quoted field does not end in it, or is malformed."""
    rows = list(csv.reader([line], strict=True))
    return rows[0] if rows else []


def _careful_table(first: int, text: str, names: list[str], path: Path, problems: Problems) -> Table:
    """The sound rows of a block, looked at one by one; the others are reported."""
    lines = split_lines(text)
    rows, places = [], []
    for place, line in enumerate(lines):
        where = f"{path}:{first + place}"
        try:
            row = _row(line)
        except csv.Error as error:
            what = "a quoted field opened here does not end on this line" if "end of data" in str(error) else str(error)
            problems.error(where, f"not a row of CSV: {what}")
            continue
        if not row:
            continue
        if len(row) != len(names):
            problems.error(where, f"the row has {len(row)} fields, the header {len(names)}")
            continue
        rows.append(row)
        places.append(place)
    columns = []
    for column in _wanted(names):
        numbering = Numbering()
        code_M = numbering.numbers([row[column] for row in rows])
        columns.append(Column(list(numbering), code_M))
    return Table(columns, np.array(places, np.int64), len(lines))


def _header(line: str, path: Path) -> list[str]:
    try:
        names = [name.strip() for name in _row(line)]
    except csv.Error:
        names = []
    missing = [name for name in (SENTENCE, WORD, TAG) if name not in names]
    if missing:
        raise CorpusError(
            f"{path}:1: error: the header lacks {', '.join(map(repr, missing))}; "
            f"expected {SENTENCE},{WORD},{POS},{TAG} with or without {POS}"
        )
    return names


def _openings(labels: Column, label: str) -> tuple[np.ndarray, str]:
    """Which rows open a sentence, being labelled otherwise than the last label before; and the last label."""
    codes = {text: code for code, text in enumerate(labels.values)}
    labelled = np.flatnonzero(labels.code_M != codes.get("", -1))
    code = labels.code_M[labelled]
    opens_M = np.zeros(len(labels.code_M), bool)
    # Copies of this corpus exist that repeat the sentence's label on each of its rows.
    opens_M[labelled] = code != np.append(codes.get(label, -1), code[:-1])[: len(code)]
    return opens_M, labels.values[code[-1]] if len(code) else label


class _Parsed(NamedTuple):
    """A block of text without the header, and its table if it could be had at once."""

    first: int
    text: str
    names: list[str]
    table: Table | None


def _wanted(names: list[str]) -> list[int]:
    """Columns of the label, the token, the tag and, if there is one, the part of speech."""
    places = {name: column for column, name in enumerate(names)}
    return [places[name] for name in (SENTENCE, WORD, TAG, POS) if name in places]


def _parse(blocks: TextBlocks, path: Path) -> Iterator[_Parsed]:
    names: list[str] = []
    for first, text in blocks:
        if not names:
            line, _, text = text.partition("\n")
            names, first = _header(line.removesuffix("\r"), path), first + 1
        yield _Parsed(first, text, names, parse(text, len(names), _wanted(names), ",", quoted=True))


def read_kaggle(blocks: TextBlocks, path: Path, problems: Problems, strings: Strings) -> Iterator[Block]:
    """Blocks of sentences; a new label in the first field opens one. Unsound rows are reported and left out."""
    label = ""
    open_block = OpenBlock(path)
    for first, text, names, table in ahead(_parse(blocks, path)):
        if table is None:
            table = _careful_table(first, text, names, path, problems)
        if len(table.line_M):
            labels, *columns = table.columns
            opens_M, label = _openings(labels, label)
            line_M = first + table.line_M
            if open_block.rows is None and not opens_M[0]:
                problems.error(f"{path}:{line_M[0]}", f"a token before the first sentence: {SENTENCE!r} is empty")
            token_M, tag_M, *pos = (numbering.coded(*column) for numbering, column in zip(strings, columns))
            open_block.add(Rows(token_M, tag_M, pos[0] if pos else line_M[:0], line_M, opens_M))
        yield open_block.take()
    open_block.end_sentence()
    yield open_block.take()
