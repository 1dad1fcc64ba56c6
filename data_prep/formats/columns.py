"""Lines of delimited columns, parsed by Arrow all at once, where no line needs a closer look.

Axes: P bytes of the text, L lines, Q quotes, M rows: the lines that are not empty.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

NEWLINE, RETURN, QUOTE = b'\n\r"'
# Longer fields are more than Python's csv takes.
MAX_LINE_BYTES = 1 << 17
STRINGS = pa.dictionary(pa.int32(), pa.string())


class Column(NamedTuple):
    """The strings of M rows: distinct ones in order of first appearance, and which of them each row has."""

    values: list[str]
    code_M: np.ndarray


class Table(NamedTuple):
    columns: list[Column]
    # Place of each row among the lines of the text, from 0.
    line_M: np.ndarray
    num_lines: int


def parse(text: str, num_columns: int, wanted: list[int], delimiter: str, quoted: bool) -> Table | None:
    """The wanted columns of a text of whole lines, of which all have `num_columns`; empty lines are left out.

    quoted: fields may be quoted as in CSV. None if a line has another number of columns, or anything else that
    the careful way through the lines must see: stray carriage returns and quotes, very long lines.
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
    # Arrow takes a byte-order mark for none of the first field's characters.
    if (end_L - begin_L).max() > MAX_LINE_BYTES or "\0" in text or text.startswith("\ufeff"):
        return None
    if quoted and not _is_quoted_well(byte_P, end_L, ord(delimiter)):
        return None
    line_M = np.flatnonzero(end_L > begin_L)
    columns = _read(data, num_columns, wanted, delimiter, quoted) if len(line_M) else [Column([], line_M)] * len(wanted)
    return None if columns is None else Table(columns, line_M, len(end_L))


def _is_quoted_well(byte_P: np.ndarray, end_L: np.ndarray, delimiter: int) -> bool:
    """Whether every quote opens or ends a whole field of one line, or is one of two that stand for one."""
    place_Q = np.flatnonzero(byte_P == QUOTE)
    line_Q = np.searchsorted(end_L, place_Q)
    open_Q, close_Q = place_Q[::2], place_Q[1::2]
    if len(open_Q) != len(close_Q) or (line_Q[::2] != line_Q[1::2]).any():
        return False
    borders = np.array([delimiter, NEWLINE, RETURN, QUOTE])
    before_Q, after_Q = byte_P[open_Q[open_Q > 0] - 1], byte_P[close_Q[close_Q < len(byte_P) - 1] + 1]
    return bool(np.isin(before_Q, borders).all() and np.isin(after_Q, borders).all())


def _read(data: bytes, num_columns: int, wanted: list[int], delimiter: str, quoted: bool) -> list[Column] | None:
    names = [str(column) for column in range(num_columns)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            # One block, so that each column is one array.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char='"' if quoted else False),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, STRINGS),
                include_columns=[names[column] for column in wanted],
            ),
        )
    except pa.ArrowInvalid:
        return None
    arrays = [column.chunk(0) for column in table.columns]
    return [Column(array.dictionary.to_pylist(), array.indices.to_numpy()) for array in arrays]
