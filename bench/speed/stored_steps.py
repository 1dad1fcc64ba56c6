"""Time this job's first step and its waits for data: one JSON line; takes the knobs of ner_dist.train.

data.shards is a folder or an address in a store, which gives this rank MEGABYTES_S megabytes a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from bench.speed.measurement import measure_rank
from bench.speed.step_speed import RankTraining
from ner_dist.config import Config
from ner_dist.ranks.comm import Comm
from ner_dist.stores import cache, downloads, mirror
from ner_dist.stores.addresses import Address

MEGABYTES_S = 50
TIMED_STEPS = 256


class Link:
    """The way to the store: no faster than it is, whatever number of threads use it. And who waits for it."""

    def __init__(self) -> None:
        self.num_bytes = 0
        # Of the thread that trains.
        self.waited_s = 0.0
        self._free_s = time.monotonic()
        self._queue = threading.Lock()
        self._blocks, self._hold = downloads.blocks, cache.hold

    def blocks(self, address: Address, offset: int, num_bytes: int) -> Iterator[bytes]:
        for block in self._blocks(address, offset, num_bytes):
            with self._queue:
                self._free_s = max(self._free_s, time.monotonic()) + len(block) / (MEGABYTES_S * 1e6)
                time.sleep(max(0.0, self._free_s - time.monotonic()))
                self.num_bytes += len(block)
            yield block

    def hold(self, *place: object) -> Path:
        began_s = time.perf_counter()
        found = self._hold(*place)  # type: ignore[arg-type]
        if threading.current_thread() is threading.main_thread():
            self.waited_s += time.perf_counter() - began_s
        return found


@contextmanager
def simulated_link() -> Iterator[Link]:
    link = Link()
    with mock.patch.object(downloads, "blocks", link.blocks), mock.patch.object(mirror, "hold", link.hold):
        yield link


def _first_steps(settings: Config, comm: Comm) -> dict[str, float]:
    # Late: they import MXNet.
    from ner_dist.training.elastic import Kept
    from ner_dist.training.startup import shards_here

    with simulated_link() as link:
        began_s = time.perf_counter()
        training = RankTraining(shards_here(settings, comm, Kept()), comm)
        steps = training.endless()
        training.train(steps, 1)
        first_s, fetched, link.waited_s = time.perf_counter() - began_s, link.num_bytes, 0.0
        began_s = time.perf_counter()
        training.train(steps, TIMED_STEPS)
        took_s = time.perf_counter() - began_s
    return {"first_s": first_s, "megabytes": fetched / 1e6, "waiting": link.waited_s / took_s}


if __name__ == "__main__":
    measure_rank(_first_steps)
