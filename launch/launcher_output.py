"""Passes on what horovodrun writes to stderr, and makes one sentence of the traceback with which it ends."""

from __future__ import annotations

import re
from typing import IO, NamedTuple

_BEGIN = "Traceback (most recent call last):"
# horovodrun puts it before what a rank writes.
_OF_RANK = re.compile(r"\[\d+\]<std(?:out|err)>:")


class Complaint(NamedTuple):
    """Why horovodrun ended, by its own account, which may name a rank that only followed another."""

    rank: int | None = None
    code: int | None = None
    # The last line of a traceback that names no rank.
    text: str = ""


def forward(source: IO[str], target: IO[str]) -> Complaint:
    """Copy lines until the source ends, all but horovodrun's own traceback, which is returned."""
    own: list[str] = []
    for line in source:
        if own and not _OF_RANK.match(line):
            own.append(line)
        elif line.startswith(_BEGIN):
            own = [line]
        else:
            target.write(line)
            target.flush()
    text = "".join(own)
    rank = re.search(r"^Process name: (\d+)$", text, re.M)
    code = re.search(r"^Exit code: (-?\d+)$", text, re.M)
    if rank and code:
        return Complaint(int(rank[1]), int(code[1]))
    # Lines that are indented are places in the code.
    spoken = [line.strip() for line in own if line.strip() and not line.startswith(" ")]
    return Complaint(text=spoken[-1].partition(": ")[2] or spoken[-1] if spoken[1:] else "")
