"""Where to part texts that spaCy would be at for minutes: runs of signs or characters without a space."""

from __future__ import annotations

import re
from collections.abc import Iterator

# spaCy takes signs off a word's ends one by one, and looks at all of the word each time: 20,000 brackets without a
# space took it 34 seconds. So many signs in a row, and characters without white space, cost it some milliseconds.
_MAX_SIGNS, _MAX_RUN = 128, 1000
_RUN = re.compile(r"\S+")
# Whatever it takes off one by one: 's is the only one of letters.
_SIGNS = re.compile(r"(?:[^\w\s]|_|['’][sS])+")  # noqa: RUF001


def cuts(text: str) -> Iterator[int]:
    """Places within runs that are too long, rising; none in ordinary text."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() > _MAX_SIGNS:
            yield from sorted(_cuts_of_run(text, run.start(), run.end()))


def _cuts_of_run(text: str, start: int, end: int) -> set[int]:
    cuts = set(range(start + _MAX_RUN, end, _MAX_RUN))
    for signs in _SIGNS.finditer(text, start, end):
        cuts.update(range(signs.start() + _MAX_SIGNS, signs.end(), _MAX_SIGNS))
    return cuts
