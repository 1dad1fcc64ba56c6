"""Reader of the Kaggle "Annotated corpus" layout: CSV with the columns Sentence #, Word, POS, Tag."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from data_prep.block import Block, LineBlocks, OpenBlock
from data_prep.problems import CorpusError, Problems

SENTENCE, WORD, POS, TAG = "Sentence #", "Word", "POS", "Tag"


def is_header(line: str) -> bool:
    return {SENTENCE, WORD, TAG} <= {name.strip().strip('"') for name in line.split(",")}


def _row(line: str) -> list[str]:
    """The fields of one line. Raises csv.Error if a quoted field does not end in it, or is malformed."""
    rows = list(csv.reader([line], strict=True))
    return rows[0] if rows else []


def _careful_rows(
    first: int, lines: list[str], num_columns: int, path: Path, problems: Problems
) -> tuple[list[list[str]], list[int]]:
    """The sound rows of a block and their line numbers; the others are reported."""
    rows, numbers = [], []
    for number, line in enumerate(lines, first):
        try:
            row = _row(line)
        except csv.Error as error:
            what = "a quoted field opened here does not end on this line" if "end of data" in str(error) else str(error)
            problems.error(f"{path}:{number}", f"not a row of CSV: {what}")
            continue
        if not row:
            continue
        if len(row) != num_columns:
            problems.error(f"{path}:{number}", f"the row has {len(row)} fields, the header {num_columns}")
            continue
        rows.append(row)
        numbers.append(number)
    return rows, numbers


def _rows(
    first: int, lines: list[str], num_columns: int, path: Path, problems: Problems
) -> tuple[list[list[str]], list[int]]:
    """Rows of a block and their line numbers: all at once if every line is one sound row."""
    try:
        rows = list(csv.reader(lines, strict=True))
        if len(rows) == len(lines) and set(map(len, rows)) == {num_columns}:
            return rows, list(range(first, first + len(lines)))
    except csv.Error:
        pass
    return _careful_rows(first, lines, num_columns, path, problems)


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


def read_kaggle(blocks: LineBlocks, path: Path, problems: Problems) -> Iterator[Block]:
    """Blocks of sentences; a new label in the first field opens one. Unsound rows are reported and left out."""
    names: list[str] = []
    label = ""
    rows = OpenBlock(path)
    for first, lines in blocks:
        if not names:
            names = _header(lines[0], path)
            first, lines = first + 1, lines[1:]
        block_rows, numbers = _rows(first, lines, len(names), path, problems)
        if block_rows:
            columns = dict(zip(names, zip(*block_rows)))
            base = len(rows.token)
            opening = []
            for row, sentence in enumerate(columns[SENTENCE], base):
                # Copies of this corpus exist that repeat the sentence's label on each of its rows.
                if sentence and sentence != label:
                    label = sentence
                    opening.append(row)
            if not base and (not opening or opening[0]):
                problems.error(f"{path}:{numbers[0]}", f"a token before the first sentence: {SENTENCE!r} is empty")
            rows.starts.extend(opening[1:] if opening[:1] == rows.starts[-1:] else opening)
            rows.token.extend(columns[WORD])
            rows.tag.extend(columns[TAG])
            rows.pos.extend(columns.get(POS, ()))
            rows.line.extend(numbers)
        yield rows.take()
    rows.end_sentence()
    yield rows.take()
