"""The right to write a run, and what publishes it if it has an address: all that training must know of stores."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from ner_dist.errors import UserError
from ner_dist.ranks import stop_signals
from ner_dist.run.publisher import Publisher
from ner_dist.run.run_lock import RunLock
from ner_dist.run.run_place import RunPlace
from ner_dist.run.run_publication import RunPublication
from ner_dist.run.store_lock import StoreLock

# How long the end of a run waits for what is being published, beyond what training itself waits for.
_AFTER_FAILURE_S, _AFTER_SIGNAL_S = 20.0, 1.0

log = logging.getLogger("ner_dist")


class RunWriter:
    """Held from `acquire` to `release`. Every rank has one; rank 0 alone uses it."""

    def __init__(self, place: RunPlace, say: Callable[[str], None] = lambda sentence: None) -> None:
        """say: called with sentences about locks of others and about stores that do not answer."""
        self._place, self._is_complete = place, False
        self._publication: RunPublication | None = None
        self._publisher: Publisher | None = None
        if place.address is None:
            self.lock: RunLock | StoreLock = RunLock(place.path, say)
        else:
            # Beside the run's files, which are published.
            lock = self.lock = StoreLock(place.address, RunLock(place.path.parent, say), say)
            self._publication = RunPublication(place.address, place.path, lock.require_now)
            self._publisher = Publisher(place.path, self._publication, say)

    def acquire(self, resume: bool, is_ours: bool) -> None:
        """Take the lock, and have the run's files here as they are at its address.

        resume: that the run may be there already. is_ours: that this job has begun it. Raises UserError, RunLocked
        among them; does nothing if this process has acquired it before.
        """
        if self.lock.is_held:
            return
        self.lock.acquire()
        if self._publication is not None:
            self._publication.bring(resume or is_ours)

    def release(self) -> None:
        """Let others write; what is being published gets a little time before."""
        self._settle(_AFTER_SIGNAL_S if stop_signals.received() else _AFTER_FAILURE_S)
        if self._is_complete:
            # Whoever goes on with the run fetches it again.
            shutil.rmtree(self._place.path.parent, ignore_errors=True)
        self.lock.release()

    def finish(self, beat: Callable[[], object]) -> None:
        """Have everything published, after which the run's files need not stay on this machine.

        beat: called every now and then. Raises UserError if it could not be published.
        """
        self.publish()
        self.wait(beat=beat)
        self._is_complete = self._publisher is not None

    def publish(self) -> None:
        """Have what is written now published behind the training path; nobody may be writing checkpoints."""
        if self._publisher is not None:
            self._publisher.take()

    def wait(self, seconds: float = float("inf"), beat: Callable[[], object] = lambda: None) -> bool:
        """Until all of it is published; False if that takes longer. Raises UserError if it could not be."""
        return self._publisher is None or self._publisher.wait(seconds, beat)

    def _settle(self, seconds: float) -> None:
        """Give what is being published a little time, whatever becomes of it."""
        try:
            if not self.wait(seconds):
                log.warning("%s: the last checkpoint is not published yet", self._place.named)
        except UserError as error:
            log.warning("%s", error)
