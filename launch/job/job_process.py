"""The process of one attempt of a job, under the supervisor: the signals that it gets, and how it tells of its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from launch.job.job_end import VARIABLE, JobEnd, write_end
from launch.job.job_ranks import JobRanks, RankExit, cause
from launch.launch_errors import LaunchError
from ner_dist.ranks.board import Failure

_DESCRIPTORS = "/dev/fd/"


def catch_signals() -> None:
    """Signals that ask for an end do not end this process; again after a library has taken them for itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def watch_signals(ask: Callable[[int], None]) -> None:
    """Pass signals on at any moment, from a thread, because a handler may interrupt whatever holds a lock."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    catch_signals()

    def watch() -> None:
        while True:
            number = os.read(reader, 1)[0]
            # Ranks know no SIGHUP.
            ask(signal.SIGTERM if number == signal.SIGHUP else number)

    threading.Thread(target=watch, name="signals", daemon=True).start()


def end_of(ranks: JobRanks, exits: list[RankExit], reported: Failure | None, reason: str = "") -> JobEnd | None:
    """What has become of ranks that have ended; None if all succeeded.

    exits: of those that count, in an elastic job the last ones. reported: what one has left for all to read.
    reason: why they could not go on, if that is not one rank's error.
    """
    end = cause(exits, reported)
    if ranks.asked is not None:
        # The code is the signal's, whatever the ranks made of it.
        words = [each.last_words for each in sorted(ranks.exits) if each.last_words]
        return JobEnd(128 + ranks.asked, sentence=words[0] if words else signal.Signals(ranks.asked).name)
    return end or (JobEnd(1, sentence=reason) if reason else None)


def run_and_tell(run: Callable[[list[int]], JobEnd | None], name: str) -> int:
    """Run a job and tell the supervisor, or else the user, how it ended. Returns the exit code.

    run: is called with descriptors that ranks of this machine hold open, because the supervisor waits for their end.
    name: what the user knows this process by.
    """
    # Not for the ranks.
    path = os.environ.pop(VARIABLE, "")
    held = [int(path[len(_DESCRIPTORS) :])] if path.startswith(_DESCRIPTORS) else []
    try:
        end = run(held)
    except Exception as error:
        # Horovod's own too: its traceback helps nobody.
        is_usage = isinstance(error, ValueError) and not isinstance(error, LaunchError)
        end = JobEnd(2 if is_usage else 1, sentence=str(error) or type(error).__name__)
    if end is None:
        return 0
    if path:
        write_end(end, path)
    else:
        print(f"{name}: {end.text()}", file=sys.stderr, flush=True)
    return end.code


def leave(code: int) -> None:
    """End this process at once: threads that wait for a process that has outlived its rank must not keep it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
