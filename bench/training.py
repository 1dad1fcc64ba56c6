"""Trainings as child processes: several at once, followed epoch by epoch, and none of them left behind.

They are started with --train.resume true, so that one which was stopped goes on. This file must stay without threads:
a child is told when the thread that started it ends.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.files import locked
from bench.machine import commit, hardware
from bench.processes import end_with_parent, kill_all, undisturbed

# What trains; a test puts something quicker here.
TRAINER = [sys.executable, "-m", "ner_dist.train"]
# Every process of a training inherits it; horovodrun's ranks have sessions of their own, so their group does not tell.
_MARK = "NER_BENCH_TRAINING"
# Longer than a rank, and horovodrun with its ranks, take to end when they are asked to.
GRACE_S = 12.0
_POLL_S = 0.1
_BEGUN = "bench: begun "


class Layout(NamedTuple):
    """How trainings share the machine."""

    num_ranks: int = 1
    # Trainings at the same time.
    parallel: int = 1
    hostfile: str | None = None


class Ended(NamedTuple):
    """The end of a training; problem is None if it is through."""

    run: Path
    problem: str | None


class Epoch(NamedTuple):
    """An epoch that a training has scored; number counts from 1, dev_f1 is from 0 to 1."""

    run: Path
    number: int
    dev_f1: float


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    mark: str
    # Where this training's part of the log begins.
    log_bytes: int
    # Epochs that were told already.
    told: set[int]


def log_path(run: Path) -> Path:
    """Where the output of a run's trainings is added."""
    return run.with_name(run.name + ".log")


def beginnings(run: Path) -> list[dict[str, str]]:
    """Date, commit, hardware and command of each beginning and continuation of a run; none if it was begun by hand."""
    path = log_path(run)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [json.loads(line[len(_BEGUN) :]) for line in lines if line.startswith(_BEGUN)]


def epochs(run: Path) -> dict[int, float]:
    """The dev F1 of each epoch in the metrics of a run, by epoch; a line that is half written does not count."""
    path = run / "metrics.jsonl"
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if values["kind"] == "epoch":
                found[int(values["epoch"])] = float(values["dev_f1"])
    return found


class Trainings:
    """Trainings under way. As a context, it ends with none of them left, whatever ends it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._children: dict[Path, _Child] = {}

    def __enter__(self) -> Trainings:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(*self._children)

    @property
    def running(self) -> list[Path]:
        return list(self._children)

    @property
    def has_room(self) -> bool:
        return len(self._children) < self.layout.parallel

    def start(self, run: Path, knobs: list[str], told: set[int] | None = None) -> None:
        """Begin or continue a run with these words of a command line.

        told: epochs of before that are not to be told any more; all of them if not given. Raises UserError if another
        command trains the run.
        """
        command = _command(self.layout, [*knobs, "--run", str(run), "--train.resume", "true"])
        mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        with locked(log_path(run), str(run)) as log:
            header = {"date": f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}", "commit": commit()}
            header.update({"hardware": hardware(), "command": shlex.join(command)})
            log.write((_BEGUN + json.dumps(header) + "\n").encode())
            log.flush()
            log_bytes = log.tell()
            known = set(epochs(run)) if told is None else set(told)
            process = subprocess.Popen(
                command,
                env={**os.environ, **_threads(self.layout), _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the parent, which then stops its children in order.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._children[run] = _Child(process, mark, log_bytes, known)

    def wait(self) -> list[Epoch | Ended]:
        """What has happened since the last call, after a moment; a training's epochs come before its end."""
        time.sleep(_POLL_S)
        events: list[Epoch | Ended] = []
        for run, child in list(self._children.items()):
            code = child.process.poll()
            for number, dev_f1 in epochs(run).items():
                if number not in child.told:
                    child.told.add(number)
                    events.append(Epoch(run, number, dev_f1))
            if code is not None:
                kill_all(_MARK, child.mark)
                del self._children[run]
                through = code == 0 and (run / "result.json").is_file()
                events.append(Ended(run, None if through else _problem(run, child.log_bytes, code)))
        return events

    def stop(self, *runs: Path) -> None:
        """End those trainings that are under way, with all their processes: asked first, so that launchers end their
        ranks, then killed."""
        children = [self._children[run] for run in runs if run in self._children]
        with undisturbed():
            for child in children:
                child.process.terminate()
            until_s = time.monotonic() + GRACE_S
            for child in children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, until_s - time.monotonic()))
                kill_all(_MARK, child.mark)
                child.process.wait()
        for run in runs:
            self._children.pop(run, None)


def _command(layout: Layout, arguments: list[str]) -> list[str]:
    if layout.hostfile:
        hosts = ["--hosts", layout.hostfile, "--np", str(layout.num_ranks)]
        return [sys.executable, "-m", "launch", "ssh", *hosts, "--", *arguments]
    if layout.num_ranks == 1:
        return [*TRAINER, *arguments]
    # Beside the interpreter, so that it is that of the same environment.
    return [str(Path(sys.executable).parent / "horovodrun"), "-np", str(layout.num_ranks), *TRAINER, *arguments]


def _threads(layout: Layout) -> dict[str, str]:
    """A rank takes its share of the cores by itself, but does not know of other trainings."""
    if layout.parallel == 1 or "OMP_NUM_THREADS" in os.environ:
        return {}
    cores = len(os.sched_getaffinity(0))
    return {"OMP_NUM_THREADS": str(max(1, cores // (layout.parallel * layout.num_ranks)))}


def _problem(run: Path, log_bytes: int, code: int) -> str:
    """The last error in a training's output, or the last line, or how it ended if it said nothing."""
    text = log_path(run).read_bytes()[log_bytes:].decode("utf-8", "replace")
    lines = [re.sub(r"^\[\d+\]<std(?:out|err)>: ?", "", line).strip() for line in text.splitlines()]
    said = [line for line in lines if line.startswith("error: ")] or [line for line in lines if line]
    how = f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"{said[-1].removeprefix('error: ')} ({how})" if said else how
