"""How the process of a rank starts and ends: threads, communicator, log file, signals, and errors in one sentence."""

from __future__ import annotations

import _thread
import logging
import logging.handlers
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.ranks import environment
from ner_dist.ranks.comm import Comm, RankLost, Solo

# Other ranks exit after rank 0: the launcher kills all of them as soon as one has exited.
_RANK_0_FIRST_S = 2.0
# How long an interrupted rank may take to clean up; the launcher waits longer before it kills.
_CLEAN_UP_S = 3.0

log = logging.getLogger("ner_dist")
# Nothing that is logged goes to the terminal; _exit prints what the user must read there. This keeps it until there is
# a log file.
_early = logging.handlers.MemoryHandler(capacity=0)
log.addHandler(_early)
log.propagate = False


def launched_rank() -> int:
    """This process's rank as its launcher set it, known before anything is exchanged; 0 when alone."""
    return int(os.environ.get("HOROVOD_RANK", "0"))


def connect() -> Comm:
    """Connect to the other ranks if horovodrun started this process; else one process alone."""
    if "HOROVOD_SIZE" not in os.environ:
        return Solo()
    # Late: it imports MXNet, which reads the number of threads while loading.
    from ner_dist.ranks.horovod_comm import HorovodComm

    return HorovodComm()


def run_rank(action: Callable[[Comm], object]) -> None:
    """Connect this rank and call action(comm). A failure ends the process with one sentence and a code other than 0."""

    def connected() -> None:
        if "HOROVOD_RANK" in os.environ:
            _watch_launcher()
        action(connect())

    run_alone(connected)


def run_alone(action: Callable[[], object]) -> None:
    """Call action() in this process, without other ranks; it ends on failure as in run_rank."""
    try:
        environment.prepare()
        _watch_signals()
        action()
    except UserError as error:
        _exit(1, str(error))
    except RankLost as error:
        _exit(1, str(error), everyone=True)
    except KeyboardInterrupt:
        _exit(130, "interrupted")
    except BrokenPipeError:
        # Whoever reads the output, such as head, has stopped reading.
        os._exit(0)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "mxnet":
            _exit(1, environment.WITHOUT_MXNET)
        log.exception("rank %d died", launched_rank())
        if isinstance(error, OSError):
            # A full disk, or a file system that is gone.
            _exit(1, str(error), everyone=True)
        traceback.print_exc()
        _exit(1, f"{type(error).__name__}: {error}", everyone=True)


def refuse(message: str) -> None:
    """End the process for a mistake that every rank sees before the ranks are connected."""
    _exit(2, message)


def log_to(path: Path) -> None:
    """Send this rank's log, and the traceback of whatever ends it, to a file instead of the one before, if any.

    Makes the directory: rank 0 may have made it on another host that shares no file system with this one.
    """
    for before in [handler for handler in log.handlers if isinstance(handler, logging.FileHandler)]:
        log.removeHandler(before)
        before.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.removeHandler(_early)
    _early.setTarget(handler)
    _early.flush()


def _exit(code: int, message: str, everyone: bool = False) -> None:
    log.error("%s", message)
    try:
        if everyone or launched_rank() == 0:
            print(f"error: {message}", file=sys.stderr, flush=True)
        else:
            time.sleep(_RANK_0_FIRST_S)
        logging.shutdown()
        sys.stdout.flush()
    finally:
        # In any case, at once: a signal of the launcher would show as a traceback, and a pending exchange would keep
        # the interpreter waiting for ranks that will not answer.
        os._exit(code)


def _watch_signals() -> None:
    """End on Ctrl-C and SIGTERM even while waiting inside MXNet, where Python's own handlers do not run.

    A thread waits for the signals: it interrupts the main thread, which cleans up if it can, and ends the process if
    it cannot. Must be called before MXNet starts its threads, which then inherit the blocked signals.
    """
    if not hasattr(signal, "pthread_sigmask"):
        # Windows, where MXNet is not, and Python's own handlers do.
        return
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    _interrupt_after(lambda: signal.sigwait(signals), "signals")


def _watch_launcher() -> None:
    """End when nobody reads this rank's output any more: then its launcher is gone.

    A rank that ssh started on another host learns of it in no other way: the connection closes, but no signal comes.
    """
    outputs = select.poll()
    for output in (1, 2):
        # No events: errors are always reported.
        outputs.register(output, 0)

    def lost() -> None:
        outputs.poll()
        log.error("the launcher of this rank is gone")

    _interrupt_after(lost, "launcher")


def _interrupt_after(event: Callable[[], object], name: str) -> None:
    """In a thread, wait for an event; then interrupt the main thread, and end the process if that does not help."""

    def watch() -> None:
        event()
        _thread.interrupt_main()
        time.sleep(_CLEAN_UP_S)
        log.error("interrupted while waiting for other ranks")
        os._exit(130)

    threading.Thread(target=watch, name=name, daemon=True).start()
