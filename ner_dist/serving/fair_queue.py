"""What waits, in the order in which it is served: each request in turn, and as much of each, counted in characters."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
# What a text costs besides its characters.
_PER_TEXT = 50


class FairQueue(Generic[Owner]):
    """Start-time fair queueing: the next text is that of the owner who has been served least since it came.

    An owner who comes begins at what the others have had by then: it neither waits for those that have had much, nor
    overtakes those that have had as little. Not for use by several threads at once.
    """

    def __init__(self) -> None:
        self.num_waiting = 0
        # Cost served so far, number of arrival, owner, and the sizes of its texts, the next one last.
        self._heap: list[tuple[int, int, Owner, list[int]]] = []
        self._num_added = 0
        self._served = 0

    def add(self, owner: Owner, sizes: Sequence[int]) -> None:
        """sizes: characters of its texts, at least one."""
        self._num_added += 1
        self.num_waiting += len(sizes)
        heapq.heappush(self._heap, (self._served, self._num_added, owner, [*reversed(sizes)]))

    def take(self, most: int, most_characters: int) -> list[Owner]:
        """The owners of the next texts; each has its texts taken in their order. At least one text, if any waits."""
        taken: list[Owner] = []
        num_characters = 0
        while self._heap and len(taken) < most:
            served, number, owner, sizes = self._heap[0]
            num_characters += sizes[-1]
            if taken and num_characters > most_characters:
                break
            self._served = max(self._served, served)
            cost = sizes.pop() + _PER_TEXT
            self.num_waiting -= 1
            taken.append(owner)
            if sizes:
                heapq.heapreplace(self._heap, (served + cost, number, owner, sizes))
            else:
                heapq.heappop(self._heap)
        return taken

    def remove(self, owner: Owner) -> None:
        """Take out all that it waits for, if anything."""
        kept = [entry for entry in self._heap if entry[2] != owner]
        if len(kept) < len(self._heap):
            self.num_waiting = sum(len(sizes) for _, _, _, sizes in kept)
            heapq.heapify(kept)
            self._heap = kept

    def clear(self) -> list[Owner]:
        """Take out everything; the owners."""
        owners = [owner for _, _, owner, _ in self._heap]
        self._heap, self.num_waiting = [], 0
        return owners
