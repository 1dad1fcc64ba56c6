"""What was found, in words, the most surprising first and no more than can be held."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from data_prep.problems import Problems

# Of each kind; the least surprising ones beyond are counted.
MAX_HELD = 10_000


class Found(NamedTuple):
    where: str
    what: str
    document: str = ""
    suggestion: Mapping[str, Any] | None = None
    record: Mapping[str, Any] | None = None


class StrongestFirst:
    """Holds what is found until all of it is known."""

    def __init__(self) -> None:
        self._held: dict[str, list[tuple[float, int, Found]]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self._number = 0

    def add(self, kind: str, surprise: float, make: Callable[[], Found]) -> None:
        """make: called only if it is to be held."""
        self.counts[kind] += 1
        self._number += 1
        held = self._held[kind]
        # Of equal ones, the first in the corpus is kept and comes first.
        key = (surprise, -self._number)
        if len(held) < MAX_HELD:
            heapq.heappush(held, (*key, make()))
        elif key > held[0][:2]:
            heapq.heapreplace(held, (*key, make()))

    def report(self, problems: Problems) -> None:
        """One kind after another."""
        for kind, held in self._held.items():
            for _, _, found in sorted(held, key=lambda one: one[:2], reverse=True):
                where, what, document, suggestion, record = found
                problems.warn(kind, where, what, document=document, suggestion=suggestion, record=record)
            if left := self.counts[kind] - len(held):
                what = f"{left:,} more are less surprising and not listed"
                problems.warn(kind, "corpus", what, left)
