"""A run at an address: what its folder holds after a checkpoint is published behind the training path.

A thread uploads; what is saved meanwhile waits, and only the newest of it. A store that does not answer costs no step:
it is said once, and tried again after the next checkpoint; at the end of the run, it is an error.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.run.run_lock import RunLocked
from ner_dist.run.run_publication import RunPublication
from ner_dist.run.run_snapshot import take_snapshot
from ner_dist.stores.addresses import StoreError

log = logging.getLogger("ner_dist")


class Publisher:
    """Rank 0 alone has one."""

    def __init__(
        self, run: Path, publication: RunPublication, say: Callable[[str], None] = lambda sentence: None
    ) -> None:
        """run: its directory on this machine. say: called with a sentence when a publication fails, and when one
        succeeds again."""
        self._run, self._publication, self._say = run, publication, say
        self._changed = threading.Condition()
        # What is to be uploaded next, and whether a thread is at work.
        self._waiting: Path | None = None
        self._is_busy = False
        self._num_taken = 0
        self._error: UserError | None = None

    def take(self) -> None:
        """Have the run's directory published as it is now; nobody may be writing its checkpoints meanwhile.

        Raises UserError if there is no room for copies of its small files, and RunLocked if another process has taken
        over the run.
        """
        if isinstance(self._error, RunLocked):
            raise self._error
        folder = self._snapshot()
        with self._changed:
            before, self._waiting = self._waiting, folder
            if not self._is_busy:
                self._is_busy = True
                threading.Thread(target=self._upload, name="publisher", daemon=True).start()
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)

    def _snapshot(self) -> Path:
        folder = self._run.parent / f"publishing-{self._num_taken}"
        self._num_taken += 1
        try:
            take_snapshot(self._run, folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise UserError(
                f"{self._publication.address}: what is to be published could not be copied in {self._run.parent} "
                f"({error.strerror or error}); what was saved is intact here: make room and continue with "
                "--train.resume true"
            ) from error
        return folder

    def wait(self, seconds: float = float("inf"), beat: Callable[[], object] = lambda: None) -> bool:
        """Until all that was taken is published; False if that takes longer. beat: called every now and then.

        Raises RunLocked or StoreError if it could not be published.
        """
        until_s = time.monotonic() + seconds
        with self._changed:
            while self._is_busy:
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(min(left_s, 1.0))
                beat()
        if self._error is not None:
            raise self._error
        return True

    def _upload(self) -> None:
        while True:
            with self._changed:
                folder, self._waiting = self._waiting, None
                if folder is None:
                    self._is_busy = False
                    self._changed.notify_all()
                    return
            self._publish(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, folder: Path) -> None:
        before = self._error
        try:
            self._publication.publish(folder)
            self._error = None
            if before is not None:
                self._tell(f"{self._publication.address} can be published again")
        except UserError as error:
            self._error = error
        except Exception as error:
            log.exception("the run could not be published")
            self._error = StoreError(f"{self._publication.address} could not be published ({error})")
        if isinstance(self._error, StoreError) and before is None:
            self._tell(f"{self._error}; training goes on, and it is tried again with the next checkpoint")

    def _tell(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._say(sentence)
