"""What was found, in words, the most surprising first; on disk until all of it is known."""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

from data_prep.problems import Problems

# Of each kind; the least surprising ones beyond are counted.
MAX_LISTED = 100_000


class Found(NamedTuple):
    where: str
    what: str
    document: str = ""
    suggestion: Mapping[str, Any] | None = None
    record: Mapping[str, Any] | None = None


class StrongestFirst:
    """Takes what is found in any order."""

    def __init__(self, file: IO[bytes]) -> None:
        """file: empty, to write and read; memory holds only where in it something is."""
        self._file = file
        # By kind: how surprising, minus the number of those before, and place and size in the file.
        self._listed: dict[str, list[tuple[float, int, int, int]]] = defaultdict(list)
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, surprise: float, make: Callable[[], Found]) -> None:
        """make: called only if it is to be listed."""
        # Of equal ones, the first in the corpus is kept and comes first.
        rank = surprise, -self.counts[kind]
        self.counts[kind] += 1
        listed = self._listed[kind]
        if len(listed) < MAX_LISTED:
            heapq.heappush(listed, (*rank, *self._write(make())))
        elif rank > listed[0][:2]:
            heapq.heapreplace(listed, (*rank, *self._write(make())))

    def _write(self, found: Found) -> tuple[int, int]:
        data = json.dumps(found, default=int).encode()
        place = self._file.tell()
        self._file.write(data)
        return place, len(data)

    def report(self, problems: Problems) -> None:
        """One kind after another, when everything was added."""
        for kind, listed in self._listed.items():
            for _, _, place, size in sorted(listed, reverse=True):
                self._file.seek(place)
                where, what, document, suggestion, record = json.loads(self._file.read(size))
                problems.warn(kind, where, what, document=document, suggestion=suggestion, record=record)
            if left := self.counts[kind] - len(listed):
                what = f"{left:,} more are less surprising and not listed"
                problems.warn(kind, "corpus", what, left)
