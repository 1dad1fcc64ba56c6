"""Values that go from task to task: by reference within a process, through a file between processes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from ner_dist.atomic_file import temporary_beside

Value = TypeVar("Value")


@contextmanager
def spill_file(path: Path) -> Iterator[BinaryIO]:
    """An intermediate file that is there when it is whole: a task may run twice, even at the same time."""
    with temporary_beside(path) as partial:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)


class Carried(Generic[Value]):
    """A value that is large. Once a task or a result with it is pickled, it lies in the file `path`, and only that is
    sent; who gets it reads the file when the value is needed.

    is_shared: all tasks of a stage get it, so that a process keeps the last one.
    """

    def __init__(self, value: Value, path: Path, is_shared: bool = False) -> None:
        self._values, self._path, self._is_written, self._is_shared = [value], path, False, is_shared

    def get(self) -> Value:
        if not self._values:
            if self._is_shared:
                stat = self._path.stat()
                # Another build may have a file of the same name.
                return _last(self._path, stat.st_mtime_ns, stat.st_ino)
            # Not kept: who has the values of all parts must not have them in memory.
            return _read(self._path)
        return self._values[0]

    def __getstate__(self) -> dict[str, Any]:
        if not self._is_written:
            # Late, because one process does without; unlike pickle, it takes the functions of own features.
            import cloudpickle

            with spill_file(self._path) as file:
                cloudpickle.dump(self._values[0], file, pickle.HIGHEST_PROTOCOL)
            self._is_written = True
        return {"_values": [], "_path": self._path, "_is_written": True, "_is_shared": self._is_shared}


def _read(path: Path) -> Any:
    """The folder of intermediate files is this user's alone."""
    with open(path, "rb") as file:
        return pickle.load(file)


@lru_cache(maxsize=1)
def _last(path: Path, changed_ns: int, inode: int) -> Any:
    return _read(path)
