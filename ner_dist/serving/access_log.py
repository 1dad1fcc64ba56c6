"""The access log: a line of JSON for each request, written by a thread, so that no request waits for a disk.

Lines of a tenth of a second are written together. If their reader is too slow, later ones are dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ner_dist.errors import UserError
from ner_dist.serving.facts import Facts

_EVERY_S = 0.1
# Tenths of a second that may wait for a slow reader.
_MOST_WAITING = 100
# At the end, and only if the reader is slow.
_LAST_WAIT_S = 1.0
_MOST_PATH = 200
# Probes ask every few seconds; what they find is in the metrics.
_PROBES = {"/healthz", "/livez", "/readyz", "/metrics"}
STDOUT, OFF = "-", "off"


class AccessLog:
    """For the event loop's thread alone."""

    def __init__(self, place: str, with_texts: bool, lost: Callable[[int], object]) -> None:
        """place: a file, which is appended to, - or off. lost: told how many lines were dropped. Raises UserError."""
        self.with_texts, self._place, self._lost = with_texts, place, lost
        self._lines: list[str] = []
        self._second, self._begins = 0, ""
        self._waiting: queue.Queue[list[str] | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        if place == OFF:
            return
        self._file = _opened(place)
        self._thread = threading.Thread(target=self._write, name="access log", daemon=True)
        self._thread.start()

    def add(self, facts: Facts, method: str, path: str, status: int, bytes_out: int, seconds: float) -> None:
        if self._thread is None or (path in _PROBES and status == 200):
            return
        record: dict[str, Any] = {
            "time": self._now(),
            "id": facts.id.decode(),
            "method": method,
            "path": path[:_MOST_PATH],
            "status": status,
            "bytes_in": facts.bytes_in,
            "bytes_out": bytes_out,
            "texts": facts.texts,
            "tokens": facts.tokens,
            "entities": facts.entities,
            "ms": round(1000 * seconds, 3),
            "model": None if facts.model is None else str(facts.model),
        }
        if facts.trace:
            record["traceparent"] = facts.trace.decode()
            if facts.tracestate:
                record["tracestate"] = facts.tracestate.decode()
        if facts.body:
            record["request"] = facts.body.decode("utf-8", "replace")
        # As ASCII: no line end of any kind can get into a line.
        self._lines.append(json.dumps(record))
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_EVERY_S, self._flush)

    def close(self) -> None:
        """Write what is left, but wait for no reader that has stopped reading."""
        if self._thread is None:
            return
        self._flush()
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_LAST_WAIT_S)
        self._thread.join(_LAST_WAIT_S)

    def _now(self) -> str:
        """UTC, with milliseconds."""
        now_s = time.time()
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._begins = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(self._second))
        return f"{self._begins}{int(1000 * (now_s % 1)):03d}Z"

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            self._waiting.put_nowait(lines)
        except queue.Full:
            self._lost(len(lines))

    def _write(self) -> None:
        while (lines := self._waiting.get()) is not None:
            try:
                self._reopen()
                self._file.write("\n".join(lines) + "\n")
                self._file.flush()
            # A full disk, or a reader that is gone: the service goes on.
            except (OSError, ValueError):
                self._lost(len(lines))

    def _reopen(self) -> None:
        """Open the file anew if it was moved away, as those who rotate logs do."""
        if self._place == STDOUT:
            return
        try:
            is_same = os.path.samestat(os.stat(self._place), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            self._file.close()
            self._file = _opened(self._place)


def _opened(place: str) -> Any:
    if place == STDOUT:
        return sys.stdout
    try:
        return open(place, "a", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--access-log {place}: cannot be written ({error.strerror or error})") from error
