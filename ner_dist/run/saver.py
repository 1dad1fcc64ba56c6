"""Checkpoints saved behind the training path: rank 0 copies its state and goes on, a thread writes it.

The newest is `last`; the ones before it are `last-1`, `last-2`, ..., in case it turns out to be damaged.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ner_dist.atomic_file import whole_directory
from ner_dist.errors import UserError
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint, CheckpointError
from ner_dist.run.run_lock import RunLock
from ner_dist.run.store_lock import StoreLock

LAST, BEST = "last", "best"
log = logging.getLogger("ner_dist")


class Saver:
    """Writes the checkpoints of a run, one at a time. Rank 0 alone has one."""

    def __init__(
        self,
        checkpoints: Path,
        vocab_files: dict[str, bytes],
        lock: RunLock | StoreLock,
        earlier: int,
        steps: int,
        minutes: float,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """earlier: how many to keep beside the last one. steps, minutes: how often one is due; 0 for never.

        saved: called after each checkpoint, before the next may be written.
        """
        self._checkpoints, self._vocab_files, self._lock = checkpoints, vocab_files, lock
        self._earlier, self._steps, self._minutes, self._saved = earlier, steps, minutes, saved
        self._thread: threading.Thread | None = None
        self._error: UserError | None = None
        self._saved_s = time.monotonic()

    def is_due(self, total_steps: int) -> bool:
        """Whether to save after this step; for the sake of time alone, not while the one before is still written."""
        if self.is_due_by_steps(total_steps):
            return True
        is_late = bool(self._minutes) and time.monotonic() - self._saved_s >= 60 * self._minutes
        return is_late and not (self._thread and self._thread.is_alive())

    def is_due_by_steps(self, total_steps: int) -> bool:
        """Whether to save after this step, whatever the time."""
        return bool(self._steps) and total_steps % self._steps == 0

    @property
    def has_failed(self) -> bool:
        return self._error is not None

    def save(self, saved: Checkpoint, best: bool = False) -> None:
        """Begin to write what must not change any more, as `last` and, if it is, as `best` before; the one before is
        awaited first. A failure shows in has_failed, and wait raises it."""
        self._await()
        self._saved_s = time.monotonic()
        self._thread = threading.Thread(target=self._write, args=(saved, best), name="checkpoint", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until everything is written. Raises CheckpointError if a checkpoint could not be, and RunLocked."""
        self._await()
        if self._error is not None:
            raise self._error

    def settle(self) -> None:
        """Until nothing is written any more, whatever became of it."""
        self._await()

    def _await(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _write(self, saved: Checkpoint, best: bool) -> None:
        try:
            self._lock.require()
            # Best first: if the run ends in between, the last checkpoint must not claim one that is not there.
            if best:
                checkpoint.save(self._checkpoints / BEST, saved, self._vocab_files)
            self._keep_earlier()
            checkpoint.save(self._checkpoints / LAST, saved, self._vocab_files)
            self._saved()
        except UserError as error:
            self._error = error
        except Exception as error:
            log.exception("the checkpoint could not be written")
            self._error = CheckpointError(f"{self._checkpoints}: the checkpoint could not be written ({error})")

    def _keep_earlier(self) -> None:
        """Let last-1 be last, last-2 what was last-1, and so on. `last` stays in its place throughout."""
        places = earlier_places(self._checkpoints)
        for place in places[self._earlier - 1 :] if self._earlier else places:
            shutil.rmtree(place, ignore_errors=True)
        if not self._earlier or not (self._checkpoints / LAST).is_dir():
            return
        try:
            for number in range(self._earlier - 1, 0, -1):
                if (place := _earlier_place(self._checkpoints, number)).is_dir():
                    os.replace(place, _earlier_place(self._checkpoints, number + 1))
            with whole_directory(_earlier_place(self._checkpoints, 1)) as copy:
                # Nobody writes into a file of a checkpoint, so a hard link will do.
                shutil.copytree(self._checkpoints / LAST, copy, copy_function=link_or_copy, dirs_exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"{self._checkpoints}: an earlier checkpoint could not be kept ({error.strerror or error}); the last "
                "one is intact; make room and continue with --train.resume true"
            ) from error


def link_or_copy(source: str, target: str) -> None:
    """A hard link to a file that nobody changes; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def newest_sound(checkpoints: Path) -> tuple[Checkpoint, Path, list[CheckpointError]] | None:
    """The newest checkpoint that is not damaged, its place, and why newer ones were passed over.

    None if there is no checkpoint at all. Raises CheckpointError, that of the newest one, if all are damaged.
    """
    places = [checkpoints / LAST, *earlier_places(checkpoints)]
    damaged: list[CheckpointError] = []
    for place in places:
        if not checkpoint.exists(place):
            continue
        try:
            return checkpoint.load(place), place, damaged
        except CheckpointError as error:
            damaged.append(error)
    if damaged:
        raise damaged[0]
    return None


def earlier_places(checkpoints: Path) -> list[Path]:
    """The directories last-1, last-2, ... that are there, newest first."""
    prefix = f"{LAST}-"
    numbers = [path.name[len(prefix) :] for path in checkpoints.glob(f"{prefix}*")]
    return [_earlier_place(checkpoints, number) for number in sorted(int(n) for n in numbers if n.isdecimal())]


def _earlier_place(checkpoints: Path, number: int) -> Path:
    return checkpoints / f"{LAST}-{number}"
