"""Distinct numbers of an array, many times faster than by sorting: through a table with a place for every number."""

from __future__ import annotations

import numpy as np


class Distinct:
    """Finds distinct ids below a limit; the table is held from call to call, and never needs to be cleared."""

    def __init__(self, limit: int) -> None:
        # One place more, always 0: the limit itself stands for padding.
        self._place = np.zeros(limit + 1, np.int32)

    def find(self, ids_M: np.ndarray) -> np.ndarray:
        """The distinct ids, rising; `places` tells the places of ids in them until the next call."""
        order = np.arange(len(ids_M), dtype=np.int32)
        self._place[ids_M] = order
        # Of ids that are equal, the last has left its number.
        distinct = ids_M[self._place[ids_M] == order]
        distinct.sort()
        self._place[distinct] = order[: len(distinct)]
        return distinct

    def places(self, ids: np.ndarray) -> np.ndarray:
        """int32: where in the distinct ids that were found last each of these stands; 0 for padding."""
        return self._place[ids]
