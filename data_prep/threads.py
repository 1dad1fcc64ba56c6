"""Work on threads: Arrow, zlib and NumPy release Python's lock, so that two cores are kept busy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from ner_dist.engines.core_share import num_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each thread needs memory of its own, and more of them would only wait for the lock.
MAX_THREADS = 2


class StoppedError(Exception):
    """Ends work that is no longer wanted."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a thread produces the next one while the caller works on the current one, if there is a core."""
    if num_cores() == 1:
        yield from items
        return
    end = object()
    # One alone is not worth a thread: of thousands of small files, each is a single block.
    first, second = next(items, end), next(items, end)
    if first is not end:
        yield first  # type: ignore[misc]
    if second is end:
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        yield second  # type: ignore[misc]
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


def side_by_side(work: Callable[[Item, Callable[[], None]], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` returns for each item, in their order.

    `work` gets a function to call now and then, which raises StoppedError once the work on another item has failed or
    the user has interrupted the program.
    """
    stopped = threading.Event()

    def go_on() -> None:
        if stopped.is_set():
            raise StoppedError

    with ThreadPoolExecutor(min(MAX_THREADS, num_cores())) as pool:
        try:
            coming = [pool.submit(work, item, go_on) for item in items]
            # Returns at the first failure, otherwise when all are done.
            done, _ = wait(coming, return_when=FIRST_EXCEPTION)
            for result in done:
                result.result()
            return [result.result() for result in coming]
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
