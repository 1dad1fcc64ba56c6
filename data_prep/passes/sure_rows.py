"""Where a row of a table begins a sentence, whatever stands before: its reader says so, as it begins amid the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO

from data_prep.passes.quoted_rows import LINE
from data_prep.problems import CorpusError
from data_prep.sources.source_files import Piece

# How much is read to find such a row; the second number, if there was none.
READ_BYTES = (1 << 16, 1 << 24)
_LINE_END = re.compile(rb"\r\n|\n|\r")


def sure_row(stored: IO[bytes], begin: int, encoding: str, sure_starts: Callable[[Piece], Iterator[int]]) -> int | None:
    """The place of the first such row after `begin`; None if there is none nearby.

    sure_starts: the numbers of such lines in a piece that begins with any line; see Format.sure_starts.
    """
    stored.seek(begin)
    # Of a row that began before, or may have.
    rest = stored.readline(READ_BYTES[-1])
    if not rest.endswith(b"\n"):
        return None
    begin += len(rest)
    for num_bytes in READ_BYTES:
        stored.seek(begin)
        lines = stored.read(num_bytes)
        lines = lines[: lines.rfind(b"\n") + 1]
        place = _row_in(lines, sure_starts(Piece(begin, begin + len(lines), 1, encoding)))
        if place is not None:
            return begin + place
    return None


def _row_in(lines: bytes, numbers: Iterator[int]) -> int | None:
    """Where the first of these lines begins; none of them is the first line, which has the number 1."""
    ends = [match.end() for match in _LINE_END.finditer(lines)]
    try:
        for number in numbers:
            place = ends[number - 2]
            if place < len(lines) and LINE.match(lines, place - 1):
                return place
    except CorpusError:
        # It is said by who reads the file.
        pass
    return None
