"""How many of the machine's cores this process may use: all, or its share if it is one of several."""

from __future__ import annotations

import os


class _Share:
    """Of the machine; None: all of it."""

    num_cores: int | None = None


def use_cores(num: int) -> None:
    """From now on, this process is one of several, and has so many cores for itself."""
    _Share.num_cores = num


def share_threads() -> None:
    """Have libraries that are imported from now on start no more threads than this process has cores for itself."""
    if _Share.num_cores is not None:
        os.environ["OMP_NUM_THREADS"] = str(_Share.num_cores)


def num_cores() -> int:
    if _Share.num_cores is not None:
        return _Share.num_cores
    # Only Linux knows which cores the process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
