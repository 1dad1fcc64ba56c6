"""SIGTERM, SIGINT and a lost launcher: what asks a rank to end, and how much time it has to save first.

Python's own handlers do not run while a rank waits inside MXNet, so a thread waits for the signals. Usually it
interrupts the main thread, and ends the process if that does not help. Within `gracefully` it only notes the signal:
the training loop asks for it in each step, agrees with the other ranks, saves and ends.
"""

from __future__ import annotations

import _thread
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# How long an interrupted rank may take to clean up; the launcher waits longer before it kills.
_CLEAN_UP_S = 3.0
# From when on a second Ctrl-C is one.
_AGAIN_S = 1.0
_ASKING = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("ner_dist")


class Stopped(Exception):
    """Training ended early because a signal asked for it; everything is saved."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = 128 + number


class _State:
    """Of this process, which has one set of signals."""

    # The first signal that asked this process to end, or 0.
    received = 0
    received_s = 0.0
    # Seconds to save in after a signal; None outside `gracefully`.
    grace_s: float | None = None
    # Whether the main thread is to be interrupted.
    interrupts = False
    lock = threading.Lock()


def received() -> int:
    """The signal that has asked this rank to end, or 0."""
    return _State.received


def exit_code() -> int:
    """What a process that a signal has asked to end exits with: 143 after SIGTERM, 130 after SIGINT."""
    return 128 + (_State.received or signal.SIGINT)


@contextmanager
def gracefully(seconds: float) -> Iterator[None]:
    """Within the context, a signal leaves this many seconds to save and end before the process is ended.

    A second SIGINT, but not one that several launchers pass on at the same time, ends it at once.
    """
    before, _State.grace_s = _State.grace_s, seconds
    yield
    # After an error it stays: a signal must not interrupt what is still to be said, which is soon over.
    _State.grace_s = before


def watch_signals() -> None:
    """Handle SIGINT and SIGTERM as this module says. Must be called by the main thread, before MXNet is imported."""
    if not hasattr(signal, "pthread_sigmask"):
        # Windows, where MXNet is not, and Python's own handlers do.
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Python's handlers run in the main thread, which may be waiting inside MXNet. But the number of the signal is
    # written to this pipe at once, by whichever thread of a library has received it.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _ASKING:
        signal.signal(number, _handle)
    # What the main thread and those that MXNet will start, which inherit this, are waiting for is not interrupted.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)

    def watch() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING)
        while True:
            for number in os.read(reading, 1):
                if number in _ASKING:
                    _ask(signal.Signals(number))

    threading.Thread(target=watch, name="signals", daemon=True).start()


@contextmanager
def at_leisure() -> Iterator[None]:
    """Within the context, a signal interrupts the main thread and leaves it as much time to clean up as it takes.

    For a process that waits for no ranks, and starts others, which would inherit that signals are blocked.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        if not _State.received or time.monotonic() > _State.received_s + _AGAIN_S:
            _State.received, _State.received_s = number, time.monotonic()
            raise KeyboardInterrupt

    descriptor = signal.set_wakeup_fd(-1)
    # nohup has it ignored.
    hanging_up = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)
    handlers = {number: signal.signal(number, interrupt) for number in (*_ASKING, *hanging_up)}
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


def watch_launcher() -> None:
    """End as after SIGTERM when nobody reads this rank's output any more: then its launcher is gone.

    A rank that ssh started on another host learns of it in no other way: the connection closes, but no signal comes.
    """
    outputs = select.poll()
    for output in (1, 2):
        # No events: errors are always reported.
        outputs.register(output, 0)

    def watch() -> None:
        outputs.poll()
        log.error("the launcher of this rank is gone")
        _ask(signal.SIGTERM)

    threading.Thread(target=watch, name="launcher", daemon=True).start()


def _handle(number: int, frame: object) -> None:
    """In the main thread, whenever Python gets to it."""
    if _State.interrupts:
        _State.interrupts = False
        raise KeyboardInterrupt


def _ask(number: signal.Signals) -> None:
    """Ask this process to end for the signal's sake; the first one counts."""
    with _State.lock:
        is_first, grace_s = not _State.received, _State.grace_s
        if is_first:
            _State.received, _State.received_s = number, time.monotonic()
    if not is_first:
        if number == signal.SIGINT and grace_s is not None and time.monotonic() > _State.received_s + _AGAIN_S:
            log.error("interrupted a second time; ending without saving")
            os._exit(exit_code())
        return
    threading.Thread(target=_end, args=(grace_s,), name="end", daemon=True).start()


def _end(grace_s: float | None) -> None:
    name = signal.Signals(_State.received).name
    if grace_s is None:
        _State.interrupts = True
        _thread.interrupt_main()
        time.sleep(_CLEAN_UP_S)
        log.error("interrupted while waiting for other ranks")
        os._exit(exit_code())
    log.info("%s: saving at the end of this step", name)
    time.sleep(grace_s)
    sentence = f"{name}: no end of a step within {grace_s:g} s (train.grace_seconds), so nothing more is saved"
    log.error(sentence)
    try:
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    finally:
        os._exit(exit_code())
