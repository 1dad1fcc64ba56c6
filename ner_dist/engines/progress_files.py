"""How far running tasks are, on any engine: each worker notes it in a file of the shared folder, now and then."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ner_dist.engines.executor import Advance

# Between two notes of a task; and between two looks at them.
NOTE_S = 0.5


class Counted:
    """What a task has done so far."""

    def __init__(self, place: Path | None) -> None:
        self.total = 0
        self._place = place
        self._next_s = time.monotonic() + NOTE_S

    def advance(self, done: int) -> None:
        self.total += done
        if self._place is not None and time.monotonic() >= self._next_s:
            # Progress is not worth an error, such as a disk that is full for a moment.
            with contextlib.suppress(OSError):
                self._place.write_text(str(self.total))
            self._next_s = time.monotonic() + NOTE_S


@contextmanager
def progress_file(place: Path | None) -> Iterator[Counted]:
    """place: None if nobody looks. The same task may run twice at a time, so a file's name has a random end."""
    if place is not None:
        place = place.with_name(f"{place.name}-{secrets.token_hex(4)}")
    try:
        yield Counted(place)
    finally:
        if place is not None:
            with contextlib.suppress(OSError):
                place.unlink()


class Meter:
    """Tells `progress` what all tasks of a stage have done since the last time."""

    def __init__(self, folder: Path, stage: str, progress: Advance | None) -> None:
        self._folder, self._stage, self._progress = folder, stage, progress
        # Of tasks that are over, and the most that was told.
        self._finished, self._told = 0, 0
        self._over: set[int] = set()
        if progress is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for left_behind in folder.glob(f"{stage}-*"):
                left_behind.unlink()

    def finished(self, number: int, advanced: int) -> None:
        self._over.add(number)
        self._finished += advanced
        self._tell(self._finished)

    def look(self) -> None:
        if self._progress is None:
            return
        running: dict[int, int] = {}
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                stage, number, _ = entry.name.rsplit("-", 2)
                if stage == self._stage and int(number) not in self._over:
                    with contextlib.suppress(OSError, ValueError):
                        text = Path(entry.path).read_text()
                        running[int(number)] = max(int(text), running.get(int(number), 0))
        self._tell(self._finished + sum(running.values()))

    def _tell(self, total: int) -> None:
        # A task that begins anew has done less than before; the bar waits for it.
        if self._progress is not None and total > self._told:
            self._progress(total - self._told)
            self._told = total
