"""Ends this rank if it makes no progress, so that the others do not wait for ever.

Horovod's own stall check does not fire with Gloo. Only the culprit ends: a rank that waits for others may take three
times as long, and learns of the culprit's end from Horovod.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time
from pathlib import Path

from ner_dist.ranks.comm import Comm

_CHECKS_PER_LIMIT = 20
_WAITING_FACTOR = 3


class Watchdog:
    """Watches while it is used as a context; call beat() after each piece of progress."""

    def __init__(self, comm: Comm, hang_seconds: float, log_path: Path) -> None:
        self._comm = comm
        self._limit_s = hang_seconds
        self._log_path = log_path
        self._last_s = time.monotonic()
        self._done = threading.Event()

    def beat(self) -> None:
        self._last_s = time.monotonic()

    def __enter__(self) -> Watchdog:
        if self._limit_s:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(self._limit_s / _CHECKS_PER_LIMIT):
            idle_s = time.monotonic() - self._last_s
            if idle_s > self._limit_s * (_WAITING_FACTOR if self._comm.waiting else 1):
                logging.getLogger("ner_dist").error("no progress for %.0f s; ending this rank", idle_s)
                with self._log_path.open("a") as log:
                    faulthandler.dump_traceback(log)
                # The main thread hangs and would not react to anything gentler.
                os._exit(1)
