"""What ranks write, line by line with the rank before it, as horovodrun shows it; errors are kept for the end.

A rank's last words are `error: ...`, or `note: SIG...` after a signal. Several ranks may have some, and only one of
them, the first to fail, has the cause: the launcher shows that one, once, after everything else.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import threading
from typing import Protocol, TextIO

_LAST = re.compile("error: |note: (?=SIG)")
# A rank that has said them is about to end; otherwise the text was not its last words, and is shown.
_LAST_WORDS_S = 5.0
_LINE = re.compile(r"[^\r\n]*[\r\n]|[^\r\n]+$")


class Stream(Protocol):
    """A pipe, or a connection that serves as one."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Screen:
    """A stream of this process that many threads write whole lines to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def show(self, text: str) -> None:
        """Raises BrokenPipeError if nobody reads it any more; a full disk loses lines and nothing else."""
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                raise
            except OSError:
                pass


class RankOutput:
    """Copies one stream of one rank to the screen; use join() to wait for its end."""

    def __init__(self, source: Stream, screen: Screen, prefix: str, keeps_errors: bool) -> None:
        self._source, self._screen, self._prefix, self._keeps_errors = source, screen, prefix, keeps_errors
        self._kept: list[str] | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def last_words(self) -> str:
        """What the rank ended with, without the first word; empty if it said nothing. To be shown by the caller."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            kept, self._kept = self._kept or [], None
        return _LAST.sub("", "".join(kept), count=1).strip()

    def release(self) -> None:
        """Show what was kept, because it did not end the rank."""
        with self._lock:
            kept, self._kept = self._kept or [], None
            self._keeps_errors = False
        with contextlib.suppress(BrokenPipeError):
            for line in kept:
                self._screen.show(self._prefix + line)

    def _copy(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while True:
            try:
                block = os.read(self._source.fileno(), 1 << 16)
            except OSError:
                # The host is gone.
                block = b""
            lines = _LINE.findall(rest + decoder.decode(block, final=not block))
            # A line that is not complete waits for its end, unless there is none.
            rest = lines.pop() if block and lines and lines[-1][-1] not in "\r\n" else ""
            try:
                for line in lines:
                    self._take(line)
            except BrokenPipeError:
                # The rank learns that nobody reads it, and ends.
                self._source.close()
                return
            if not block:
                return

    def _take(self, line: str) -> None:
        with self._lock:
            if self._kept is not None:
                self._kept.append(line)
                return
            if self._keeps_errors and _LAST.match(line):
                self._kept = [line]
                self._timer = threading.Timer(_LAST_WORDS_S, self.release)
                self._timer.daemon = True
                self._timer.start()
                return
        self._screen.show(self._prefix + line)
