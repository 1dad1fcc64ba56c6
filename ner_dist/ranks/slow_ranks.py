"""Finds ranks that are slower than the others for minutes: all of them wait for the slowest in every step."""

from __future__ import annotations

import logging
import platform

import numpy as np

from ner_dist.ranks.comm import Comm

# So many times as slow as the others.
_FACTOR = 1.5
# For so long, and said again so much later.
_SLOW_S, _AGAIN_S = 120.0, 600.0
_MICROSECONDS = 1_000_000

log = logging.getLogger("ner_dist")


class SlowRanks:
    """Counts this rank's own seconds in its steps; every rank must call `compare` after the same ones."""

    def __init__(self, comm: Comm) -> None:
        self._comm = comm
        self._waited_s = comm.waited_s
        self._steps, self._own_s, self._total_s = 0, 0.0, 0.0
        # For how long each rank has been slow without a break, and when that was last said; by the seconds counted.
        self._slow_s = [0.0] * comm.num_ranks
        self._said_s: dict[int, float] = {}
        self._clock_s = 0.0
        self._hosts: list[str] = []

    def add(self, seconds: float) -> None:
        """A step took so long, with all that this rank has waited for since `begin` or the step before."""
        waited_s = self._comm.waited_s
        self._own_s += max(0.0, seconds - (waited_s - self._waited_s))
        self._total_s += seconds
        self._steps += 1
        self._waited_s = waited_s

    def begin(self) -> None:
        """What was waited for until now belongs to no step; call it after anything that is not part of one."""
        self._waited_s = self._comm.waited_s

    def compare(self) -> list[str]:
        """A sentence for each rank that has been slow for minutes and was not named lately; the same on every rank."""
        if self._comm.num_ranks == 1 or not self._steps:
            return []
        mine = [self._own_s / self._steps, self._total_s]
        found = self._comm.gather_int64(np.array([value * _MICROSECONDS for value in mine], np.int64))
        own_R, total_R = (found.reshape(-1, 2) / _MICROSECONDS).T
        self._steps, self._own_s, self._total_s = 0, 0.0, 0.0
        # Decided by the same numbers on every rank.
        period_s = float(total_R[0])
        self._clock_s += period_s
        slow = []
        for rank, own_s in enumerate(own_R):
            others_s = float(np.median(np.delete(own_R, rank)))
            is_slow = own_s > _FACTOR * others_s > 0
            self._slow_s[rank] = self._slow_s[rank] + period_s if is_slow else 0.0
            last_s = self._said_s.get(rank, -_AGAIN_S)
            if self._slow_s[rank] >= _SLOW_S and self._clock_s - last_s >= _AGAIN_S:
                self._said_s[rank] = self._clock_s
                slow.append((rank, float(own_s), others_s))
        return self._sentences(slow) if slow else []

    def _sentences(self, slow: list[tuple[int, float, float]]) -> list[str]:
        self._hosts = self._hosts or self._comm.gather_objects(platform.node())
        sentences = [
            f"rank {rank} on {self._hosts[rank]} is slow: {1000 * own_s:.1f} ms a step against {1000 * others_s:.1f} "
            f"ms on the others, for {self._slow_s[rank] / 60:.0f} minutes, and all wait for it; look for other "
            "programs on its cores, or leave its host out"
            for rank, own_s, others_s in slow
        ]
        for sentence in sentences:
            log.warning(sentence)
        return sentences
