"""Jobs of several commands each as child processes: some jobs at once, and none left behind, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ner_dist.errors import UserError
from ner_dist.ranks.child_process import END_WITH_PARENT

_POLL_S = 0.1


class ChildError(UserError):
    """A child process that has failed, and what it said."""


class Job(NamedTuple):
    """Commands that follow one another."""

    # For messages.
    what: str
    commands: Sequence[Sequence[str]]
    # The file of what they print.
    log: Path
    # How much of it is done by now.
    done: Callable[[], int] = lambda: 0


class _Running:
    """A job with its current command."""

    def __init__(self, job: Job, threads: int) -> None:
        self.job, self.num_done = job, 0
        self._threads = threads
        self._waiting = list(job.commands)
        self._start()

    def _start(self) -> None:
        with self.job.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._waiting.pop(0),
                env={"OMP_NUM_THREADS": str(self._threads), **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the parent alone, which then ends its children.
                start_new_session=True,
                preexec_fn=END_WITH_PARENT,
            )

    def goes_on(self) -> bool:
        """Whether there is something left to do; raises ChildError if a command has failed."""
        code = self.process.poll()
        if code is None:
            return True
        if code:
            raise ChildError(f"{self.job.what} failed: {_last_words(self.job.log, code)}")
        if self._waiting:
            self._start()
            return True
        return False

    def kill(self) -> None:
        # What a child leaves half done is thrown away, so it need not end in order.
        self.process.kill()
        self.process.wait()


def run_jobs(
    jobs: Iterator[Job], parallel: int, threads: int, progress: Callable[[int], object] = lambda advance: None
) -> Generator[Job, None, None]:
    """Run the jobs, each with this many threads, and yield each one that has ended; the next one is asked for late.

    progress: is called with what the jobs have done since the last call. Raises ChildError for the first that fails.
    Close it to end those that are running.
    """
    running: list[_Running] = []
    try:
        for job in jobs:
            running.append(_Running(job, threads))
            while len(running) >= parallel:
                yield from _ended(running, progress)
        while running:
            yield from _ended(running, progress)
    finally:
        for left in running:
            left.kill()


def _ended(running: list[_Running], progress: Callable[[int], object]) -> Iterator[Job]:
    """Wait a moment; the jobs that are over then are taken from `running`."""
    time.sleep(_POLL_S)
    for child in list(running):
        is_over = not child.goes_on()
        done = child.job.done()
        if done != child.num_done:
            progress(done - child.num_done)
            child.num_done = done
        if is_over:
            running.remove(child)
            yield child.job


def _last_words(log: Path, code: int) -> str:
    """The signal that ended a command; or the last error in its output, or its last line, and the exit status."""
    if code < 0:
        why = ", as when the memory is full" if code == -signal.SIGKILL else ""
        return f"ended by {signal.Signals(-code).name}{why}"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    said = [line for line in lines if line.startswith("error: ")] or [line for line in lines if line]
    how = f"ended with status {code}"
    return f"{said[-1].removeprefix('error: ')} ({how})" if said else how
