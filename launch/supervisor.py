"""Starts a job, starts it again where it died after progress, and ends all of it on a signal.

What a job achieved is read from its run's directory, because horovodrun's exit code does not tell: it can be 0 for
a job that a signal has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from launch.launcher_output import Complaint, forward
from launch.ssh import on_host

_RESULT, _CHECKPOINT = "result.json", "checkpoints/last/state.json"
# Longer than horovodrun lets ranks take before it kills them.
_END_S = 15
# Of prctl.h: a signal for this process when its parent dies.
_PR_SET_PDEATHSIG = 1


class Marks(NamedTuple):
    """What tells one version of a file from another; empty where there is none."""

    result: str
    checkpoint: str


def marks(run: Path, host: str | None = None) -> Marks:
    """Those of a run's result and last checkpoint, on another host if one is named."""
    command = ["stat", "--format", "%n %i %Y %Z %s", "--", *(str(run / name) for name in (_RESULT, _CHECKPOINT))]
    if host is None:
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    else:
        finished = on_host(host, ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", os.getcwd(), *command])
    # By how paths end, since a run's name may hold whatever separates words and lines.
    lines = finished.stdout.split("\n")
    return Marks(*(next((line for line in lines if f"{name} " in line), "") for name in (_RESULT, _CHECKPOINT)))


class Job(NamedTuple):
    command: list[str]
    # What is added to the command for every start but the first.
    resume: list[str]
    environment: dict[str, str]
    run: Path
    # The host of rank 0, which alone writes the run's result and checkpoints; None is this one.
    host: str | None = None
    # The host of each rank, as far as they have names.
    hosts_of_ranks: tuple[str, ...] = ()


def supervise(job: Job, restarts: int, say: Callable[[str], None]) -> int:
    """The exit code of the last attempt, 0 only if it left a result; 128 + the signal's number after a signal.

    say: told one sentence for every end that is no success, and for every start that is not the first.
    """
    with _signals() as received:
        for attempt in range(restarts + 1):
            before = marks(job.run, job.host)
            code, complaint = _attempt([*job.command, *(job.resume if attempt else [])], job.environment, received)
            if received:
                say(f"{signal.Signals(received[0]).name} has ended the job; {_continue(job)}")
                return 128 + received[0]
            after = marks(job.run, job.host)
            if after.result and after.result != before.result:
                return 0
            code = code or 1
            say(_end(job, code, complaint))
            if after.checkpoint == before.checkpoint:
                if restarts:
                    say("it is not started again, because it had saved nothing new: it would end in the same way")
                return code
            if attempt < restarts:
                say(f"starting again from the last checkpoint, {attempt + 1} of {restarts}")
        if restarts:
            say(f"all restarts are used up; {_continue(job)}")
        return code


def _end(job: Job, code: int, complaint: Complaint) -> str:
    """Who ended the job, as far as that is known."""
    if complaint.rank is None:
        reason = f": {complaint.text}" if complaint.text else ""
        return f"the job ended with code {code} and without a result{reason}"
    host = f" on {job.hosts_of_ranks[complaint.rank]}" if complaint.rank < len(job.hosts_of_ranks) else ""
    return (
        f"the job ended without a result: rank {complaint.rank}{host} was the first to leave, with code "
        f"{complaint.code}; see what it said, and {job.run}/rank-{complaint.rank}.log{host} if it came so far"
    )


def _continue(job: Job) -> str:
    return f"go on with the same command and --run {job.run} --train.resume true"


def _attempt(command: list[str], environment: dict[str, str], received: list[int]) -> tuple[int, Complaint]:
    """Run a launcher to its end, or until a signal has been received."""
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        bufsize=1,
        # Ctrl-C in a terminal reaches this process alone, which passes it on.
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )
    assert child.stderr is not None
    source = child.stderr
    heard: list[Complaint] = []
    reader = threading.Thread(target=lambda: heard.append(forward(source, sys.stderr)), daemon=True)
    reader.start()
    asked_s = None
    while child.poll() is None:
        if received and asked_s is None:
            asked_s = time.monotonic()
            child.terminate()
        elif asked_s is not None and time.monotonic() > asked_s + _END_S:
            child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
    # A process that outlives the launcher may hold its output open.
    reader.join(_END_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode, (heard or [Complaint()])[0]


def _end_with_parent() -> None:
    """Let this process be told to end when its parent does, however that came about."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals received so far that ask for an end; none of them ends this process meanwhile."""
    received: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        # Else nohup has seen to it that the job outlives its terminal.
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda received_now, _: received.append(received_now)) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
