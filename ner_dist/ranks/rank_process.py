"""How the process of a rank starts and ends: threads, communicator, log file, signals, and errors in one sentence."""

from __future__ import annotations

import functools
import logging
import logging.handlers
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.ranks import board, environment, last_words, membership, pulse, stop_signals
from ner_dist.ranks.comm import Comm, JobError, RankLost, Solo
from ner_dist.ranks.connections import Connections
from ner_dist.ranks.stop_signals import Stopped
from ner_dist.stores.local_copies import by_address

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
    """Connect to the other ranks if horovodrun started this process; else one process alone.

    In an elastic job, wait for a part in it first; raises membership.Dismissed if there is none any more.
    """
    if "HOROVOD_SIZE" not in os.environ:
        return Solo()
    # Late: it imports MXNet, which reads the number of threads while loading.
    from ner_dist.ranks.horovod_comm import HorovodComm

    pulse.of_this_rank().start()
    return HorovodComm(membership.of_this_process())


def run_rank(
    action: Callable[[Comm], object], load: Callable[[], object] = lambda: None, when_interrupted: str = ""
) -> None:
    """Connect this rank and call action(comm). A failure ends the process with one sentence and a code other than 0.

    load: called before; what takes time and needs no other ranks, which would have to wait for it. when_interrupted:
    how to go on after a signal that was not waited for, unless the KeyboardInterrupt says it.
    """

    def connected() -> None:
        if "HOROVOD_RANK" in os.environ:
            stop_signals.watch_launcher()
            # Now, so that the others see that it is on its way.
            pulse.of_this_rank().start()
        load()
        action(connect())

    run_alone(connected, when_interrupted)


def run_alone(action: Callable[[], object], when_interrupted: str = "") -> None:
    """Call action() in this process, without other ranks; it ends on failure as in run_rank."""
    try:
        environment.prepare()
        stop_signals.watch_signals()
        action()
    except JobError as error:
        _exit(1, str(error), functools.partial(last_words.own, culprit=error.rank))
    except UserError as error:
        _exit(1, str(error))
    except RankLost as error:
        _exit_after_loss(error)
    except membership.Dismissed:
        log.info("this process is not needed any more")
        os._exit(stop_signals.exit_code() if stop_signals.received() else 0)
    except Stopped as stopped:
        _exit(stopped.code, str(stopped), last_words.of_all, kind="note")
    except KeyboardInterrupt as interrupt:
        if board.of_this_job().first_failure() is not None:
            # The launcher's signal came before this rank noticed the loss of the one that failed.
            _exit_after_loss(RankLost("interrupted"))
        name = signal.Signals(stop_signals.exit_code() - 128).name
        how_to_go_on = str(interrupt) or when_interrupted
        _exit(stop_signals.exit_code(), f"interrupted by {name}{how_to_go_on and f'; {how_to_go_on}'}")
    except BrokenPipeError:
        # Whoever reads the output, such as head, has stopped reading.
        os._exit(0)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "mxnet":
            _exit(1, environment.WITHOUT_MXNET)
        log.exception("rank %d died", launched_rank())
        failure = board.of_this_job().first_failure()
        if type(error).__name__ == "MXNetError" and failure is not None and failure.rank != launched_rank():
            # One that Horovod has many words for.
            _exit_after_loss(RankLost(str(failure)))
        if isinstance(error, OSError):
            # A full disk, or a file system that is gone.
            _exit(1, str(error))
        traceback.print_exc()
        _exit(1, f"{type(error).__name__}: {error}")


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
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.removeHandler(_early)
    _early.setTarget(handler)
    _early.flush()


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk costs lines of the log, nothing else; by default, each would be a traceback on the terminal."""


def _exit_after_loss(error: RankLost) -> None:
    _ignore_signals()
    sentence, is_mine = last_words.after_loss(board.of_this_job(), str(error))
    _exit(1, sentence, lambda *_: is_mine)


def _exit(
    code: int,
    message: str,
    is_mine: Callable[[board.Board, str, Connections], bool] = last_words.own,
    kind: str = "error",
) -> None:
    """is_mine: whether this rank says it on the terminal. kind: the word before the message there."""
    _ignore_signals()
    message = by_address(message)
    log.error("%s", message)
    try:
        of_job = board.of_this_job()
        if is_mine(of_job, message, pulse.of_this_rank().connections):
            print(f"{kind}: {message}", file=sys.stderr, flush=True)
            of_job.say()
        logging.shutdown()
        sys.stdout.flush()
    finally:
        # In any case, at once: a signal of the launcher would show as a traceback, and a pending exchange would keep
        # the interpreter waiting for ranks that will not answer.
        os._exit(code)


def _ignore_signals() -> None:
    """A signal must not interrupt the last words, which are soon over."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
