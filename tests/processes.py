"""Starts the project's commands as a user does, alone or on ranks, and lets none of their processes outlive a test."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
DRIVERS = ROOT / "tests" / "drivers"
# A variable that every process of a job inherits: horovodrun's ranks have process groups of their own.
_MARK = "NER_TEST_JOB"
# How long processes may take to go after the command has ended.
_LAST_BREATH_S = 10

_numbers = itertools.count()


class Finished(NamedTuple):
    code: int
    out: str
    err: str
    # Commands of the job's processes that were still there after it had ended; they have been killed.
    left: list[str]

    @property
    def errors(self) -> list[str]:
        """What the user reads on stderr, without what Horovod's launcher and its library say themselves."""
        lines = self.err.splitlines()
        if any(line.startswith("[0]<std") for line in (self.out + self.err).splitlines()):
            lines = re.findall(r"^\[\d+\]<stderr>:(?!\[\d{4}-)(.*)$", self.err, re.M)
        return [line for line in lines if line.strip()]


class Job:
    """A command under way, and all processes that come of it. As a context, it ends with none of them left."""

    def __init__(self, command: list[str], folder: Path, timeout_s: int = 120, **variables: str) -> None:
        self.timeout_s = timeout_s
        self._mark = f"{os.getpid()}-{next(_numbers)}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOROVOD_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        environment.update({"PYTHONPATH": str(ROOT), "PATH": path, _MARK: self._mark, **variables})
        # Files, because pipes would not end before the last process that holds them.
        with contextlib.ExitStack() as files:
            self._out, self._err = (files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
            self._files = files.pop_all()
        self._main = subprocess.Popen(
            ["timeout", "--foreground", "--kill-after=5", str(timeout_s), *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()
        self._files.close()

    def running(self) -> bool:
        return self._main.poll() is None

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _environment(process).get(_MARK) == self._mark]

    def rank(self, rank: int) -> psutil.Process:
        """The process of a rank of horovodrun."""
        return next(p for p in self.processes() if _environment(p).get("HOROVOD_RANK") == str(rank))

    def signal(self, number: int) -> None:
        """Send a signal to the command itself, as Ctrl-C in a terminal or a batch system does."""
        self._main.send_signal(number)

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait for something the job does; it must not end before."""
        while not true():
            assert self.running(), self._text(self._err)
            time.sleep(0.05)

    def wait(self) -> Finished:
        code = self._main.wait()
        until_s = time.monotonic() + _LAST_BREATH_S
        while self.processes() and time.monotonic() < until_s:
            time.sleep(0.1)
        return Finished(code, self._text(self._out), self._text(self._err), self._kill())

    def _kill(self) -> list[str]:
        """End whatever is left, launchers first, and say what it was."""
        left = self.processes()
        commands = []
        for process in left:
            # It may go by itself at any moment.
            with contextlib.suppress(psutil.NoSuchProcess):
                commands.append(" ".join(process.cmdline()))
                process.kill()
        self._main.wait()
        return commands

    @staticmethod
    def _text(file: IO[str]) -> str:
        file.seek(0)
        return file.read()


def run(command: list[str], folder: Path, timeout_s: int = 120, **variables: str) -> Finished:
    """Run a command to its end in a folder, with more environment variables."""
    with Job(command, folder, timeout_s, **variables) as job:
        return job.wait()


def alone(*arguments: object) -> list[str]:
    """The command of one plain process: module or script, and its arguments."""
    module, *others = map(str, arguments)
    return [sys.executable, *([module] if module.endswith(".py") else ["-m", module]), *others]


def on_ranks(num_ranks: int, *arguments: object) -> list[str]:
    """The same on ranks of this machine, as horovodrun starts them."""
    return [str(Path(sys.executable).parent / "horovodrun"), "-np", str(num_ranks), *alone(*arguments)]


def launched(num_ranks: int, *arguments: object) -> list[str]:
    """The same by the project's own horovodrun: it takes four seconds less, because it does not load MXNet itself."""
    return [*alone("launch.job.horovodrun", "-np", num_ranks), *alone(*arguments)]


def _environment(process: psutil.Process) -> dict[str, str]:
    """Empty for a process that is gone, a zombie, or not ours to look at."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}
