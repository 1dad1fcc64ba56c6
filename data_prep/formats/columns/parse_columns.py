"""Parse lines of delimited columns with Arrow, many at once, if none of them needs a closer look.

Axes: P bytes of the text, L lines, Q quotes, M rows (lines that are not empty).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

NEWLINE, RETURN, QUOTE = b'\n\r"'
# Python's csv module accepts no longer fields.
MAX_LINE_BYTES = 1 << 17
STRINGS = pa.dictionary(pa.int32(), pa.string())


class ColumnLayout(NamedTuple):
    num_columns: int
    # The columns to read, from 0.
    wanted: list[int]


class ParsedColumns(NamedTuple):
    # Distinct strings in order of first appearance, and the index of each row's string.
    columns: list[pa.DictionaryArray]
    # The line of each row within the text, from 0.
    line_M: np.ndarray


class ColumnBlock(NamedTuple):
    first_line: int
    text: str
    layout: ColumnLayout
    # None if the block must be read line by line.
    table: ParsedColumns | None


def parse_columns(text: str, layout: ColumnLayout, delimiter: str, quoted: bool) -> ParsedColumns | None:
    """The wanted columns of a text of whole lines that all have `num_columns` columns; empty lines are skipped.

    quoted: fields may be quoted as in CSV. None if a line has another number of columns or contains what only the
    slow line-by-line reader handles: a stray carriage return or quote, or a very long line.
    """
    data = text.encode()
    byte_P = np.frombuffer(data, np.uint8)
    end_L = np.append(np.flatnonzero(byte_P == NEWLINE), len(byte_P))
    begin_L = np.append(0, end_L[:-1] + 1)
    if b"\r" in data:
        returns = byte_P[np.maximum(end_L, 1) - 1] == RETURN
        if np.count_nonzero(byte_P == RETURN) != np.count_nonzero(returns):
            return None
        end_L = end_L - returns
    # Arrow would drop a byte-order mark from the first field.
    if (end_L - begin_L).max() > MAX_LINE_BYTES or "\0" in text or text.startswith("\ufeff"):
        return None
    if quoted and not _is_well_quoted(byte_P, end_L, ord(delimiter)):
        return None
    line_M = np.flatnonzero(end_L > begin_L)
    if not len(line_M):
        return ParsedColumns(code_rows([], layout.wanted), line_M)
    names = [str(column) for column in range(layout.num_columns)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            # One block, so that each column is one array.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char='"' if quoted else False),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, STRINGS),
                include_columns=[names[column] for column in layout.wanted],
            ),
        )
    except pa.ArrowInvalid:
        return None
    return ParsedColumns([column.chunk(0) for column in table.columns], line_M)


def code_rows(rows: list[list[str]], wanted: list[int]) -> list[pa.DictionaryArray]:
    """The wanted columns of rows that were parsed one by one."""
    return [pa.array([row[column] for row in rows], pa.string()).dictionary_encode() for column in wanted]


def _is_well_quoted(byte_P: np.ndarray, end_L: np.ndarray, delimiter: int) -> bool:
    """Whether every quote opens or closes a whole field within one line, or is half of a doubled quote."""
    place_Q = np.flatnonzero(byte_P == QUOTE)
    line_Q = np.searchsorted(end_L, place_Q)
    open_Q, close_Q = place_Q[::2], place_Q[1::2]
    if len(open_Q) != len(close_Q) or (line_Q[::2] != line_Q[1::2]).any():
        return False
    borders = np.array([delimiter, NEWLINE, RETURN, QUOTE])
    before_Q, after_Q = byte_P[open_Q[open_Q > 0] - 1], byte_P[close_Q[close_Q < len(byte_P) - 1] + 1]
    return bool(np.isin(before_Q, borders).all() and np.isin(after_Q, borders).all())
