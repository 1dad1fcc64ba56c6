"""Ends this rank if it makes no progress, so that the others do not wait for ever.

Horovod's own stall check does not fire with Gloo. Only the culprit ends: a rank that waits for others may take three
times as long, and learns of the culprit's end from Horovod. A rank that is stopped alone cannot end itself; then the
others do, and name it. Outside of training, what a rank does itself may take any time, and only the last counts.

Time is counted in the watchdog's own awakenings. A clock would go on while the process is stopped, by Ctrl-Z, a batch
system or a frozen machine, and a job that continues would be taken for one that hangs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from ner_dist.ranks import board, last_words, pulse
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.pulse import Silence

_CHECKS_PER_LIMIT = 20
_WAITING_FACTOR = 3

log = logging.getLogger("ner_dist")


class Watchdog:
    """Watches while it is used as a context, in which all ranks exchange something now and then."""

    def __init__(self, comm: Comm, hang_seconds: float) -> None:
        self._comm = comm
        self._limit_s = hang_seconds
        # None: this rank need not make progress.
        self._log_path: Path | None = None
        self._pulse = pulse.of_this_rank()
        self._idle_checks = 0
        self._done = threading.Event()

    @contextlib.contextmanager
    def demanding_progress(self, log_path: Path) -> Iterator[None]:
        """Within the context, beat() must be called after each piece of progress.

        log_path: of this rank; it gets the place where each thread stands when there is no progress.
        """
        self._idle_checks, self._log_path = 0, log_path
        try:
            yield
        finally:
            self._log_path = None

    def beat(self, step: int | None = None) -> None:
        """step: steps trained so far, which the other ranks may want to know."""
        self._idle_checks = 0
        if step is not None:
            self._pulse.step = step

    def __enter__(self) -> Watchdog:
        if self._limit_s:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(self._limit_s / _CHECKS_PER_LIMIT):
            waiting = self._comm.waiting
            self._idle_checks = self._idle_checks + 1 if waiting or self._log_path else 0
            if self._idle_checks <= _CHECKS_PER_LIMIT * (_WAITING_FACTOR if waiting else 1):
                continue
            idle_s = self._limit_s * self._idle_checks / _CHECKS_PER_LIMIT
            silent = self._pulse.find_silent() if waiting else []
            # Unless it has gone on while the others were listened to.
            if not self._idle_checks or (self._log_path is None and not (silent and self._comm.waiting)):
                continue
            if silent and self._comm.is_elastic:
                log.error("%s is silent, and is to be ended", silent[0].sign)
                self._comm.end_rank(silent[0].sign.rank)
                self._idle_checks = 0
            else:
                self._end(idle_s, waiting, silent[0] if silent else None)

    def _end(self, idle_s: float, waiting: bool, silent: Silence | None) -> None:
        log.error("no progress for %.0f s; ending this rank", idle_s)
        if self._log_path is not None:
            # On a full disk the reason counts more than the stacks.
            with contextlib.suppress(OSError), self._log_path.open("a") as file:
                faulthandler.dump_traceback(file)
        if silent is None:
            doing = "waiting for other ranks, none of which is silent" if waiting else "in its own work"
            sentence = (
                f"no progress for {idle_s:.0f} s {doing} (train.hang_seconds); {self._log_path} has where each of its "
                "threads stood"
            )
        else:
            sentence = (
                f"silent while others waited for it for {idle_s:.0f} s, 3 times train.hang_seconds; the process "
                f"{silent.sign.process} is stopped, or its host is overloaded or cut off"
            )
        last_words.end(board.of_this_job(), sentence, self._pulse.connections, silent and silent.sign)
