"""The memory of a process of an engine: returned when it is freed, and bounded if the user says so."""

from __future__ import annotations

import ctypes
import gc
import sys

# Constants of malloc.h, and the size from which glibc maps a block of memory of its own.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD_BYTES = 1 << 19
GB = 1 << 30


def save_memory() -> None:
    """Have freed memory returned, so that the peak does not grow with the corpus; data_prep does so for Arrow's."""
    # Blocks hold tens of thousands of lists and no cycles, so the collector would only walk them over and over.
    gc.disable()
    # As blocks are freed, glibc raises this size up to 32 MB, and its heap becomes more and more fragmented. It also
    # keeps a heap for each thread, where one is enough. Only glibc has these habits.
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        mallopt(_M_ARENA_MAX, 1)


def limit_memory(num_bytes: int) -> None:
    """From now on, more memory than this is refused to this process. Only Linux counts what its threads map, too."""
    # Not on Windows.
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, num_bytes))
