"""The processes of a troubled job by their part in it, and the steps that they wrote down (inside/sitecustomize.py)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil
from processes import Job

# What starts a job and then stays around it.
_WRAPPERS = ("timeout", "env", "nsenter", "setpriv")


def ranks(job: Job) -> dict[int, psutil.Process]:
    """The process of each rank; a process without ranks is rank 0."""
    found: dict[int, psutil.Process] = {}
    for process in everyone(job):
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "python" in Path(words[0]).name and any("ner_dist.train" in word for word in words[1:3]):
                found[int(process.environ().get("HOROVOD_RANK", "0"))] = process
    return found


def launcher(job: Job) -> psutil.Process | None:
    """The first process that is no mere wrapper."""
    return next(iter(everyone(job)), None)


def everyone(job: Job) -> list[psutil.Process]:
    """Oldest first."""
    found = []
    for process in job.processes():
        with contextlib.suppress(psutil.Error):
            if process.name() not in _WRAPPERS:
                found.append((process.create_time(), process.pid, process))
    return [process for *_, process in sorted(found, key=lambda entry: entry[:2])]


def in_the_foreground(job: Job) -> list[psutil.Process]:
    """Those that a terminal sends SIGINT: the launcher's process group."""
    found, first = [], launcher(job)
    for process in everyone(job) if first else []:
        with contextlib.suppress(OSError):
            if os.getpgid(process.pid) == os.getpgid(first.pid):
                found.append(process)
    return found


def send(processes: list[psutil.Process], number: int) -> bool:
    """Whether any was there to get the signal."""
    sent = False
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
            sent = True
    return sent


def steps(file: Path) -> list[tuple[int, float]]:
    """Rank and time of every step that has been written down."""
    # The last line may be half written.
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [(int(rank), float(time_s)) for rank, _, time_s in map(str.split, lines)]


def num_steps(file: Path) -> int:
    """Of the lowest rank, in all attempts."""
    return sum(rank == 0 for rank, _ in steps(file))


def recovery_s(file: Path, fault_s: float) -> float | None:
    """Seconds from a fault until the next step after the gap that it made; None without a gap or a later step."""
    times = [fault_s, *sorted(time_s for rank, time_s in steps(file) if time_s > fault_s)]
    gaps = [(after - before, after) for before, after in zip(times, times[1:])]
    after_gap = next((after for length, after in gaps if length > 0.5), None)
    return None if after_gap is None else after_gap - fault_s
