"""Locks between the processes of a host that end with their process, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone in the context; others wait. The file is made, and stays: a lock on a removed one would hold nobody."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        lock(descriptor, wait=True)
        yield
    finally:
        # Closing it ends the lock.
        os.close(descriptor)


def lock(descriptor: int, wait: bool) -> bool:
    """False if another process, or another opening of the file, holds it. True where there are no locks."""
    try:
        import fcntl
    # Windows.
    except ImportError:
        return True
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    return False
