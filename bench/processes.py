"""How processes end: a command in order when it is interrupted, and its children never after it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, stop a command in order as Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    # One that is ignored, as by nohup, stays so.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put off a Ctrl-C, a second one too, which would leave processes behind; raises KeyboardInterrupt at the end."""
    asked = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda number, frame: asked.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt


def end_with_parent() -> None:
    """In a child: be asked to end when the thread that started it is gone, also if that was killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def kill_all(name: str, value: str) -> None:
    """Kill the processes with this variable in their environment, wherever their launcher has put them."""
    wanted = f"{name}={value}".encode()
    for place in Path("/proc").iterdir():
        # It may go by itself at any moment, or be another user's.
        with contextlib.suppress(OSError):
            if place.name.isdigit() and wanted in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)
