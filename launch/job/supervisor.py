"""Starts a job, restarts it when it died, and passes on the signals that end it.

What a job achieved is read from its run's directory; why it ended is told by launch.job.horovodrun.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from launch.job.job_end import VARIABLE, JobEnd, read_end
from launch.job.training_command import RESUME
from launch.launch_errors import LaunchError
from launch.remote_hosts.ssh_client import on_host
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.published import published

_RESULT, _CHECKPOINT = "result.json", "checkpoints/last/state.json"
# Beyond the grace of the ranks, for horovodrun to kill them and to end.
_END_S = 15
# Pauses before restarts that follow others without a new checkpoint in between: none, then 1, 2, 4, ... seconds.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1, 60
# How long, and how often, hosts that are away are looked for.
_HOST_S, _HOST_PAUSE_S = 600, 5
# From prctl.h: a signal for this process when its parent dies.
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


class LaunchedJob(NamedTuple):
    command: list[str]
    environment: dict[str, str]
    run: Path | Address
    # The host of rank 0, which alone writes the run's result and checkpoints in a directory; None is this one.
    host: str | None = None
    # Seconds that ranks have to save when they are asked to end.
    grace_s: float = 30.0
    # The job as it is to be restarted, for example on the hosts that answer; raises LaunchError if it cannot be now.
    # Called with whether there is a checkpoint to go on from.
    again: Callable[[bool], LaunchedJob] | None = None


class FileVersions(NamedTuple):
    """Texts that differ between versions of a file; empty if there is no file."""

    result: str
    checkpoint: str


def file_versions(run: Path | Address, host: str | None = None) -> FileVersions:
    """The versions of a run's result and last checkpoint, in a directory on another host if one is named."""
    if isinstance(run, Address):
        return _published_versions(run)
    command = ["stat", "--format", "%n %i %Y %Z %s", "--", *(str(run / name) for name in (_RESULT, _CHECKPOINT))]
    if host is None:
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    else:
        finished = on_host(host, ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", os.getcwd(), *command])
    # Recognised by how paths end, because a run's name may contain spaces and line ends.
    lines = finished.stdout.split("\n")
    return FileVersions(*(next((line for line in lines if f"{name} " in line), "") for name in (_RESULT, _CHECKPOINT)))


def _published_versions(run: Address) -> FileVersions:
    """Of a run at an address. What a store does not tell is taken for absent: the job is then restarted in vain."""
    try:
        found = published(run)
    except StoreError as error:
        _say(str(error))
        found = None
    files = {} if found is None else found.files
    return FileVersions(*((files[name].sha256 or "" if name in files else "") for name in (_RESULT, _CHECKPOINT)))


def _say(sentence: str) -> None:
    print(f"launch: {sentence}", file=sys.stderr, flush=True)


def supervise(job: LaunchedJob, restarts: int, say: Callable[[str], None] = _say) -> int:
    """The exit code of the last attempt, 0 only if it left a result; 128 + the signal's number after a signal.

    say: called with one sentence for every end without success, and for every restart.
    """
    how_to_continue = f"continue with the same command and --run {job.run} --train.resume true"
    before = file_versions(job.run, job.host)
    # The last error of the job's own, and the restarts in a row, since there was a new checkpoint.
    error, in_vain = None, 0
    with _signals() as received:
        for attempt in range(restarts + 1):
            end = _attempt(job, bool(attempt), received)
            if received:
                break
            after = file_versions(job.run, job.host)
            if after.result and after.result != before.result:
                return 0
            say(end.text(str(job.run)))
            if after.checkpoint and after.checkpoint != before.checkpoint:
                before, error, in_vain = after, None, 0
            if error is not None and end.same_error(error):
                say("it is not restarted, because this error came twice without a new checkpoint in between")
                return end.code
            error = error if end.from_outside else end
            if attempt == restarts:
                say(f"all restarts are used up; {how_to_continue}" if restarts else how_to_continue)
                return end.code
            pause_s = min(_FIRST_PAUSE_S * 2.0 ** (in_vain - 1), _LONGEST_PAUSE_S) if in_vain else 0.0
            in_vain += 1
            where = "from the last checkpoint" if before.checkpoint else "from the beginning, as there is no checkpoint"
            say(f"restarting {where}, {attempt + 1} of {restarts}" + (f", in {pause_s:g} s" if pause_s else ""))
            _pause(pause_s, received)
            following = _again(job, bool(before.checkpoint), received, say)
            if received:
                break
            if following is None:
                say(how_to_continue)
                return end.code
            job = following
        name = signal.Signals(received[0]).name
        # Rank 0 knows what was saved, and says how to go on if it did.
        saved = end.sentence if end.sentence.startswith(name) and RESUME[0] in end.sentence else ""
        say(saved or f"{name} has ended the job; {how_to_continue}")
        return 128 + received[0]


def _again(job: LaunchedJob, saved: bool, received: list[int], say: Callable[[str], None]) -> LaunchedJob | None:
    """The job as it is to be restarted, once it can be; None if that takes too long, or after a signal."""
    if job.again is None:
        return job
    until_s, said = time.monotonic() + _HOST_S, ""
    while not received:
        try:
            return job.again(saved)
        except LaunchError as error:
            if time.monotonic() > until_s:
                say(f"{error}; it was waited for {_HOST_S / 60:g} minutes")
                return None
            if str(error) != said:
                said = str(error)
                say(f"waiting: {said}")
        _pause(_HOST_PAUSE_S, received)
    return None


def _pause(seconds: float, received: list[int]) -> None:
    """Wait, but not after a signal."""
    until_s = time.monotonic() + seconds
    while not received and time.monotonic() < until_s:
        time.sleep(0.05)


def _attempt(job: LaunchedJob, resumes: bool, received: list[int]) -> JobEnd:
    """Run horovodrun to its end, passing on the signals that are received, and wait for what it has started."""
    reader, writer = os.pipe()
    child = subprocess.Popen(
        [*job.command, *(RESUME if resumes else [])],
        env={**job.environment, VARIABLE: f"/dev/fd/{writer}"},
        stdin=subprocess.DEVNULL,
        pass_fds=[writer],
        # Ctrl-C in a terminal reaches only this process, which passes it on.
        start_new_session=True,
        # The child gets SIGTERM when this process ends, for whatever reason.
        preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
    )
    os.close(writer)
    passed_on, kill_s = 0, float("inf")
    while child.poll() is None:
        for number in received[passed_on:]:
            kill_s = min(kill_s, time.monotonic() + job.grace_s + _END_S)
            child.send_signal(number)
            passed_on += 1
        if time.monotonic() > kill_s:
            child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
    # If horovodrun was killed, its ranks are saving now, and hold the run. The pipe ends with the last of them.
    until_s = time.monotonic() + job.grace_s + _END_S
    written = b""
    with open(reader, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, until_s - time.monotonic()))[0] and (block := pipe.read(1 << 16)):
            written += block
    # Without a result, 0 is no success.
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return read_end(written, code or 1)


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
