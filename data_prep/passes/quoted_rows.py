"""Where rows begin in CSV whose fields may hold ends of lines: the quotes before a place tell whether it is in a field.

They do if each of them opens or closes a whole field, or is half of a doubled one. Axes: P bytes, Q quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

QUOTE = b'"'
# Where a line begins; not one that may be blank, nor one with a byte-order mark amid the file.
LINE = re.compile(rb"\n(?![\s\xef])")


class Quotes(NamedTuple):
    """Those of a span of a file."""

    is_odd: bool = False
    # Whether they tell what is quoted: if the span begins outside of a quoted field, and if it begins in one.
    are_clear: tuple[bool, bool] = (True, True)


class QuoteLook:
    """Looks at one block of a span after another."""

    def __init__(self, delimiter: str, before: bytes) -> None:
        """before: the byte before the span, or none."""
        self._beside = np.frombuffer(f'{delimiter}\n\r"'.encode(), np.uint8)
        self._before = before or b"\n"
        self.found = Quotes()

    def add(self, block: bytes, ahead: bytes) -> None:
        """ahead: of what follows the block."""
        byte_P = np.frombuffer(self._before + block + (ahead[:1] or b"\n"), np.uint8)
        place_Q = np.flatnonzero(byte_P[1:-1] == QUOTE[0])
        may_open_Q = np.isin(byte_P[place_Q], self._beside)
        may_close_Q = np.isin(byte_P[place_Q + 2], self._beside)
        is_odd, are_clear = self.found
        # NUL is no text for every version of Python's csv, and a carriage return alone ends a line for some readers.
        is_plain = b"\0" not in block and not _has_lone_return(block, ahead)
        first = [(is_odd + is_inside) % 2 for is_inside in (0, 1)]
        clear = [bool(is_plain and may_open_Q[i::2].all() and may_close_Q[1 - i :: 2].all()) for i in first]
        self.found = Quotes(is_odd != bool(len(place_Q) % 2), (are_clear[0] and clear[0], are_clear[1] and clear[1]))
        self._before = block[-1:]


def _has_lone_return(block: bytes, ahead: bytes) -> bool:
    if b"\r" not in block:
        return False
    pairs = block.count(b"\r\n") + (block[-1:] == b"\r" and ahead[:1] == b"\n")
    return block.count(b"\r") != pairs


def begin_inside(spans: Sequence[Quotes]) -> list[bool] | None:
    """Whether each of the spans that make up a file begins in a quoted field; None if the quotes do not tell."""
    begins, is_inside = [], False
    for quotes in spans:
        if not quotes.are_clear[is_inside]:
            return None
        begins.append(is_inside)
        is_inside = is_inside != quotes.is_odd
    return None if is_inside else begins


def next_row(blocks: Iterable[tuple[bytes, bytes]], is_inside: bool) -> int | None:
    """How many bytes are before the first row that begins in a part of a file; blocks: of it, and what follows each.

    is_inside: whether the part begins in a quoted field.
    """
    begin = 0
    for block, ahead in blocks:
        seen = 0
        for match in LINE.finditer(block + ahead[:1]):
            is_inside = is_inside != bool(block.count(QUOTE, seen, match.start()) % 2)
            seen = match.start()
            if not is_inside:
                return begin + match.end()
        is_inside = is_inside != bool(block.count(QUOTE, seen) % 2)
        begin += len(block)
    return None
