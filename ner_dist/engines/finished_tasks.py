"""Results of finished tasks in the work folder, so that the same command goes on from them."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.atomic_file import whole_binary_file
from ner_dist.engines.call import Done

_DIGEST_BYTES = hashlib.sha256().digest_size


class FinishedTasks:
    """Those of one stage. A file of each: a digest of function and task, one of the rest, and the pickled result.

    number: or another name of the task, which no other one of the stage has. The folder is one that only this user can
    write to, so what lies there may be unpickled.
    """

    def __init__(self, work: Path, stage: str) -> None:
        self._folder = work / "finished" / stage
        self._folder.mkdir(parents=True, exist_ok=True)

    def read(self, number: int | str, function: Callable[..., Any], task: Any) -> Done | None:
        """None if it is not finished, or was another task then."""
        with contextlib.suppress(FileNotFoundError):
            data = self._place(number).read_bytes()
            named, sealed, rest = (
                data[:_DIGEST_BYTES],
                data[_DIGEST_BYTES : 2 * _DIGEST_BYTES],
                data[2 * _DIGEST_BYTES :],
            )
            # A power cut may have left anything.
            if named == _digest(function, task) and sealed == hashlib.sha256(rest).digest():
                return Done(*pickle.loads(rest))
        return None

    def write(self, number: int | str, function: Callable[..., Any], task: Any, done: Done) -> None:
        rest = pickle.dumps(tuple(done))
        with whole_binary_file(self._place(number)) as file:
            file.write(_digest(function, task) + hashlib.sha256(rest).digest() + rest)

    def _place(self, number: int | str) -> Path:
        return self._folder / str(number)


def _digest(function: Callable[..., Any], task: Any) -> bytes:
    return hashlib.sha256(pickle.dumps((function.__module__, function.__qualname__, task))).digest()
