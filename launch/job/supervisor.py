"""Starts a job, restarts it if it died after progress, and ends all of it on a signal.

What a job achieved is read from its run's directory, because horovodrun can exit with 0 after a signal ended the job.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from launch.job.training_command import RESUME
from launch.remote_hosts.ssh_client import on_host

_RESULT, _CHECKPOINT = "result.json", "checkpoints/last/state.json"
# Longer than horovodrun waits before it kills its ranks.
_END_S = 15
# From prctl.h: a signal for this process when its parent dies.
_PR_SET_PDEATHSIG = 1
_TRACEBACK = "Traceback (most recent call last):"
# horovodrun's prefix of a line that a rank has written.
_FROM_RANK = re.compile(r"\[\d+\]<std(?:out|err)>:")


class LaunchedJob(NamedTuple):
    command: list[str]
    environment: dict[str, str]
    run: Path
    # The host of rank 0, which alone writes the run's result and checkpoints; None is this one.
    host: str | None = None
    # The name of each rank's host, where they have names.
    host_of_rank: tuple[str, ...] = ()


class FileVersions(NamedTuple):
    """Texts that differ between versions of a file; empty if there is no file."""

    result: str
    checkpoint: str


def file_versions(run: Path, host: str | None = None) -> FileVersions:
    """The versions of a run's result and last checkpoint, on another host if one is named."""
    command = ["stat", "--format", "%n %i %Y %Z %s", "--", *(str(run / name) for name in (_RESULT, _CHECKPOINT))]
    if host is None:
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    else:
        finished = on_host(host, ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", os.getcwd(), *command])
    # Recognised by how paths end, because a run's name may contain spaces and line ends.
    lines = finished.stdout.split("\n")
    return FileVersions(*(next((line for line in lines if f"{name} " in line), "") for name in (_RESULT, _CHECKPOINT)))


class ExitReason(NamedTuple):
    """Why horovodrun ended, by its own account. The rank it names may only have followed another one."""

    rank: int | None = None
    code: int | None = None
    # The last line of a traceback that names no rank.
    text: str = ""


def _say(sentence: str) -> None:
    print(f"launch: {sentence}", file=sys.stderr, flush=True)


def supervise(job: LaunchedJob, restarts: int, say: Callable[[str], None] = _say) -> int:
    """The exit code of the last attempt, 0 only if it left a result; 128 + the signal's number after a signal.

    say: called with one sentence for every end without success, and for every restart.
    """
    how_to_continue = f"continue with the same command and --run {job.run} --train.resume true"
    with _signals() as received:
        for attempt in range(restarts + 1):
            before = file_versions(job.run, job.host)
            code, reason = _attempt([*job.command, *(RESUME if attempt else [])], job.environment, received)
            if received:
                say(f"{signal.Signals(received[0]).name} has ended the job; {how_to_continue}")
                return 128 + received[0]
            after = file_versions(job.run, job.host)
            if after.result and after.result != before.result:
                return 0
            code = code or 1
            say(_who_ended(job, code, reason))
            if after.checkpoint == before.checkpoint:
                if restarts:
                    say("it is not restarted, because it saved no new checkpoint and would end in the same way")
                return code
            if attempt < restarts:
                say(f"restarting from the last checkpoint, {attempt + 1} of {restarts}")
        if restarts:
            say(f"all restarts are used up; {how_to_continue}")
        return code


def _who_ended(job: LaunchedJob, code: int, reason: ExitReason) -> str:
    if reason.rank is None:
        text = f": {reason.text}" if reason.text else ""
        return f"the job ended with code {code} and without a result{text}"
    host = f" on {job.host_of_rank[reason.rank]}" if reason.rank < len(job.host_of_rank) else ""
    return (
        f"the job ended without a result: rank {reason.rank}{host} was the first to leave, with code {reason.code}; "
        f"see its output above, and {job.run}/rank-{reason.rank}.log{host} if it got that far"
    )


def _attempt(command: list[str], environment: dict[str, str], received: list[int]) -> tuple[int, ExitReason]:
    """Run horovodrun to its end, or until a signal has been received."""
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        bufsize=1,
        # Ctrl-C in a terminal reaches only this process, which passes it on.
        start_new_session=True,
        # The child gets SIGTERM when this process ends, for whatever reason.
        preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
    )
    source, reasons = child.stderr, list[ExitReason]()
    assert source is not None
    reader = threading.Thread(target=lambda: reasons.append(forward(source, sys.stderr)), daemon=True)
    reader.start()
    terminated_s = None
    while child.poll() is None:
        if received and terminated_s is None:
            terminated_s = time.monotonic()
            child.terminate()
        elif terminated_s is not None and time.monotonic() > terminated_s + _END_S:
            child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
    # A process that outlives horovodrun may keep its output open.
    reader.join(_END_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode, (reasons or [ExitReason()])[0]


def forward(source: IO[str], target: IO[str]) -> ExitReason:
    """Copy lines until the source ends; returns the reason in horovodrun's final traceback, which is not copied."""
    traceback: list[str] = []
    for line in source:
        if traceback and not _FROM_RANK.match(line):
            traceback.append(line)
        elif line.startswith(_TRACEBACK):
            traceback = [line]
        else:
            target.write(line)
            target.flush()
    text = "".join(traceback)
    rank = re.search(r"^Process name: (\d+)$", text, re.M)
    code = re.search(r"^Exit code: (-?\d+)$", text, re.M)
    if rank and code:
        return ExitReason(int(rank[1]), int(code[1]))
    # Indented lines are places in the code.
    messages = [line.strip() for line in traceback[1:] if line.strip() and not line.startswith(" ")]
    return ExitReason(text=messages[-1].partition(": ")[2] or messages[-1] if messages else "")


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals received so far that ask for an end; meanwhile none of them ends this process."""
    received: list[int] = []
    # nohup ignores SIGHUP so that the job outlives its terminal.
    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    numbers = (signal.SIGINT, signal.SIGTERM, *hangup)
    before = {number: signal.signal(number, lambda now, _: received.append(now)) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
