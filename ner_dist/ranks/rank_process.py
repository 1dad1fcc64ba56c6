"""How a rank begins and ends: threads, communicator, log file, and what the user is told when something is wrong."""

from __future__ import annotations

import _thread
import collections
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.errors import UserError
from ner_dist.ranks import environment

# Other ranks leave after rank 0, because the launcher ends all of them as soon as one has left.
_LET_RANK_0_SPEAK_S = 2.0
# How long an interrupted rank may clean up, less than the launcher waits before it kills.
_CLEAN_UP_S = 3.0


class _Early(logging.Handler):
    """Keeps what is logged before there is a log file."""

    def __init__(self) -> None:
        super().__init__()
        self.records: collections.deque[logging.LogRecord] = collections.deque(maxlen=100)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


log = logging.getLogger("ner_dist")
# Nothing that is logged goes to the terminal; _leave prints what is to be read there.
_early = _Early()
log.addHandler(_early)
log.propagate = False


# Of the standard output and error of a process.
_OUTPUTS = (1, 2)


def run_rank(action: Callable[[Any], None]) -> None:
    """Connect this rank and do `action(comm)`; ends the process with a sentence and a code other than 0 on failure."""

    def connected() -> None:
        # Only now, because importing it imports MXNet, which reads the number of threads while loading.
        from ner_dist.ranks import comm as exchange

        if "HOROVOD_RANK" in os.environ:
            _watch_launcher()
        try:
            action(exchange.connect())
        except exchange.RankLost as error:
            _leave(1, str(error), everyone=True)

    run_alone(connected)


def run_alone(action: Callable[[], object]) -> None:
    """Do `action()` in this process, without other ranks; it ends on failure as run_rank's does."""
    try:
        environment.prepare()
        _watch_signals()
        action()
    except UserError as error:
        _leave(1, str(error))
    except KeyboardInterrupt:
        _leave(130, "interrupted")
    except BrokenPipeError:
        # The reader of the output, such as head, has seen enough.
        os._exit(0)
    except OSError as error:
        # A disk that is full, a file system that is gone.
        log.exception("rank %d died", _rank())
        _leave(1, str(error), everyone=True)
    except Exception as error:
        log.exception("rank %d died", _rank())
        traceback.print_exc()
        _leave(1, f"{type(error).__name__}: {error}", everyone=True)


def refuse(message: str) -> None:
    """End the process for a mistake that every rank sees before they are connected."""
    _leave(2, message)


def log_to(path: Path) -> None:
    """Let this rank's log, and the traceback of whatever ends it, go to a file.

    Its directory is made, because rank 0 may have made it on another host that shares no file system with this one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.removeHandler(_early)
    while _early.records:
        handler.handle(_early.records.popleft())


def _leave(code: int, message: str, everyone: bool = False) -> None:
    log.error("%s", message)
    try:
        if everyone or _rank() == 0:
            print(f"error: {message}", file=sys.stderr, flush=True)
        else:
            time.sleep(_LET_RANK_0_SPEAK_S)
        logging.shutdown()
        sys.stdout.flush()
    finally:
        # Whatever happens: the launcher's signal in the midst of that would show as a traceback, and a pending
        # exchange would keep the interpreter waiting for ranks that will not answer.
        os._exit(code)


def _rank() -> int:
    return int(os.environ.get("HOROVOD_RANK", "0"))


def _watch_signals() -> None:
    """End on Ctrl-C and SIGTERM also while waiting inside MXNet, where Python's own handlers never run.

    A thread takes the signals instead: it interrupts the main thread, which cleans up if it can, and ends the
    process if it cannot. MXNet's threads inherit the blocked signals, so this must come before them.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def watch() -> None:
        signal.sigwait(signals)
        _interrupt()

    threading.Thread(target=watch, name="signals", daemon=True).start()


def _watch_launcher() -> None:
    """End also when nobody reads this rank's output any more, which means that its launcher is gone.

    Nothing else tells a rank that ssh started on another host: its connection ends, and no signal comes.
    """
    outputs = select.poll()
    for output in _OUTPUTS:
        # No events: only their errors, which are always told.
        outputs.register(output, 0)

    def watch() -> None:
        outputs.poll()
        log.error("the launcher of this rank is gone")
        _interrupt()

    threading.Thread(target=watch, name="launcher", daemon=True).start()


def _interrupt() -> None:
    """Interrupt the main thread, and end the process if that is of no use."""
    _thread.interrupt_main()
    time.sleep(_CLEAN_UP_S)
    log.error("interrupted while waiting for other ranks")
    os._exit(130)
