"""Work on threads: Arrow, zlib and numpy let go of Python's lock, so that two cores have something to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each has its own memory, and more would wait for the lock.
MAX_THREADS = 2


class StoppedError(Exception):
    """Ends work that is no longer wanted."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; the next one is made while the last one is worked on."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


def side_by_side(work: Callable[[Item, Callable[[], None]], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` returns for each item, in their order.

    `work` is handed a function to call now and then: it raises StoppedError once another item's work has failed, or
    the user has interrupted the program.
    """
    stopped = threading.Event()

    def go_on() -> None:
        if stopped.is_set():
            raise StoppedError

    with ThreadPoolExecutor(min(MAX_THREADS, len(os.sched_getaffinity(0)))) as pool:
        try:
            coming = [pool.submit(work, item, go_on) for item in items]
            # The first failure ends all; without one, all are done.
            done, _ = wait(coming, return_when=FIRST_EXCEPTION)
            for result in done:
                result.result()
            return [result.result() for result in coming]
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
