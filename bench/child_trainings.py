"""Trainings as child processes: several at once, followed epoch by epoch, none of them left behind.

They are started with --train.resume true, so that an interrupted training continues. This file must not use threads:
a child gets its signal when the thread that started it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import datetime
import fcntl
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, NamedTuple

from bench.command_line import handling
from bench.measured_on import commit, hardware
from ner_dist.cli.options import option
from ner_dist.errors import UserError

# The command that trains; a test replaces it by a quicker one.
TRAINER = [sys.executable, "-m", "ner_dist.train"]
# A variable that every process of a training inherits; horovodrun gives its ranks process groups of their own.
_MARK = "NER_BENCH_TRAINING"
# Longer than ranks, and horovodrun, take to end after SIGTERM.
GRACE_S = 12.0
_POLL_S = 0.1
_BEGUN = "bench: begun "
_LIBC, _PR_SET_PDEATHSIG = ctypes.CDLL(None), 1


@dataclasses.dataclass(frozen=True)
class TrainingsOptions:
    """How trainings share the machine."""

    np: int = option(1, least=1)
    """ranks of each training"""
    hostfile: str = option("", metavar="FILE")
    """hosts of the ranks, in the format of launch/hosts.example"""
    parallel: int = option(1, least=1, metavar="K")
    """trainings at the same time"""


class TrainingEnded(NamedTuple):
    """The end of a training; problem is None if it is complete."""

    run: Path
    problem: str | None


class EpochScored(NamedTuple):
    """An epoch that a training has scored; number counts from 1, dev_f1 is from 0 to 1."""

    run: Path
    number: int
    dev_f1: float


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    mark: str
    # Where this training's part of the log begins.
    log_bytes: int
    # Epochs that have been reported.
    reported: set[int]


def log_path(run: Path) -> Path:
    """The file to which the output of a run's trainings is appended."""
    return run.with_name(run.name + ".log")


def beginnings(run: Path) -> list[dict[str, str]]:
    """Date, commit, hardware and command of each start and continuation of a run; none if it was started by hand."""
    path = log_path(run)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [json.loads(line[len(_BEGUN) :]) for line in lines if line.startswith(_BEGUN)]


def epochs(run: Path) -> dict[int, dict[str, Any]]:
    """What a run's metrics have on each epoch, by epoch; a line that is only half written does not count."""
    path, found = run / "metrics.jsonl", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if values["kind"] == "epoch":
                found[int(values["epoch"])] = values
    return found


def locked(path: Path, what: str) -> IO[bytes]:
    """A file open for appending, locked as long as it is open; its folder is made if need be.

    A child inherits the lock with the file and holds it even if this process is killed. Raises UserError if another
    command holds the lock: `what` is then being trained there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UserError(f"{what} is being trained by another command; wait for it, or stop it") from error
    return file


class Trainings:
    """Running trainings. As a context manager it leaves none of them behind, whatever ends it."""

    def __init__(self, options: TrainingsOptions) -> None:
        self._options = options
        self._children: dict[Path, _Child] = {}

    def __enter__(self) -> Trainings:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(*self._children)

    @property
    def running(self) -> bool:
        return bool(self._children)

    @property
    def has_room(self) -> bool:
        return len(self._children) < self._options.parallel

    def start(self, run: Path, knobs: list[str], reported: set[int] | None = None) -> None:
        """Start or continue a run with these knobs, given as words of a command line.

        reported: earlier epochs that wait() must not report again; all of them if not given. Raises UserError if
        another command trains the run.
        """
        command = _command(self._options, [*knobs, "--run", str(run), "--train.resume", "true"])
        mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        with locked(log_path(run), str(run)) as log:
            header = {"date": f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}", "commit": commit()}
            header.update({"hardware": hardware(), "command": shlex.join(command)})
            log.write((_BEGUN + json.dumps(header) + "\n").encode())
            log.flush()
            log_bytes = log.tell()
            known = set(epochs(run)) if reported is None else set(reported)
            process = subprocess.Popen(
                command,
                env={**os.environ, **_threads(self._options), _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # So that Ctrl-C reaches the parent alone, which then stops its children in an orderly way.
                start_new_session=True,
                # The kernel ends it when the thread that started it is gone, even if it was killed.
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
            )
        self._children[run] = _Child(process, mark, log_bytes, known)

    def wait(self) -> list[EpochScored | TrainingEnded]:
        """What has happened since the last call, after a moment; a training's epochs come before its end."""
        time.sleep(_POLL_S)
        events: list[EpochScored | TrainingEnded] = []
        for run, child in list(self._children.items()):
            code = child.process.poll()
            for number, values in epochs(run).items():
                if number not in child.reported:
                    child.reported.add(number)
                    events.append(EpochScored(run, number, float(values["dev_f1"])))
            if code is not None:
                _kill_all(child.mark)
                del self._children[run]
                complete = code == 0 and (run / "result.json").is_file()
                events.append(TrainingEnded(run, None if complete else _problem(run, child.log_bytes, code)))
        return events

    def stop(self, *runs: Path) -> None:
        """End trainings with all their processes: by SIGTERM, so that launchers end their ranks, then by SIGKILL.

        Interrupts would leave processes behind, so they raise KeyboardInterrupt only at the end.
        """
        asked: list[int] = []
        with handling([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], lambda number, frame: asked.append(number)):
            children = [self._children.pop(run) for run in runs if run in self._children]
            for child in children:
                child.process.terminate()
            until_s = time.monotonic() + GRACE_S
            for child in children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, until_s - time.monotonic()))
                _kill_all(child.mark)
                child.process.wait()
        if asked:
            raise KeyboardInterrupt


def _kill_all(mark: str) -> None:
    """Kill every process of a training, wherever its launcher has put it."""
    wanted = f"{_MARK}={mark}".encode()
    for place in Path("/proc").iterdir():
        # A process may end at any moment, or belong to another user.
        with contextlib.suppress(OSError):
            if place.name.isdigit() and wanted in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)


def _command(options: TrainingsOptions, arguments: list[str]) -> list[str]:
    if options.hostfile:
        hosts = ["--hosts", options.hostfile, "--np", str(options.np)]
        return [sys.executable, "-m", "launch", "ssh", *hosts, "--", *arguments]
    if options.np == 1:
        return [*TRAINER, *arguments]
    # The horovodrun of this interpreter's environment.
    return [str(Path(sys.executable).parent / "horovodrun"), "-np", str(options.np), *TRAINER, *arguments]


def _threads(options: TrainingsOptions) -> dict[str, str]:
    """A rank takes its share of the cores by itself, but does not know of the other trainings."""
    if options.parallel == 1 or "OMP_NUM_THREADS" in os.environ:
        return {}
    cores = len(os.sched_getaffinity(0))
    return {"OMP_NUM_THREADS": str(max(1, cores // (options.parallel * options.np)))}


def _problem(run: Path, log_bytes: int, code: int) -> str:
    """The last error in a training's output, or its last line, and the exit status or signal."""
    text = log_path(run).read_bytes()[log_bytes:].decode("utf-8", "replace")
    lines = [re.sub(r"^\[\d+\]<std(?:out|err)>: ?", "", line).strip() for line in text.splitlines()]
    said = [line for line in lines if line.startswith("error: ")] or [line for line in lines if line]
    how = f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"{said[-1].removeprefix('error: ')} ({how})" if said else how
