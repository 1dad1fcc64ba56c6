"""The files of a run -> what a report says about how it was made: knobs, course of training, machines, versions."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.run.run_records import read_metrics, read_result

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ [A-Z]+ ", re.M)
_START = r"rank (\d+) of (\d+): process \d+ on (.+), OMP_NUM_THREADS (.+), device (.+)$"
_TIMED_START = re.compile(_TIME.pattern + _START, re.M)


class RankLog(NamedTuple):
    """A rank's latest start, and the times of its first and last line."""

    rank: int
    num_ranks: int
    host: str
    threads: str
    device: str
    began: str
    ended: str


class RunFacts(NamedTuple):
    path: Path
    name: str
    # "best" or "last", and where training stood when it was saved.
    checkpoint: str
    progress: Progress
    config: Config
    # Lines of metrics.jsonl by kind; empty if there is no such file.
    steps: list[dict[str, Any]]
    epochs: list[dict[str, Any]]
    # result.json, or None if the run has not ended.
    result: dict[str, Any] | None
    ranks: list[RankLog]

    @property
    def best_epoch(self) -> int | None:
        """The epoch (from 1) with the best dev F1; of equals the one with the lowest dev loss, or the first."""
        if not self.epochs:
            return None
        # Runs of before have no dev loss.
        return int(max(self.epochs, key=lambda line: (line["dev_f1"], -line.get("dev_loss", math.inf)))["epoch"])

    @property
    def num_ranks(self) -> int | None:
        if self.result is not None:
            return int(self.result["num_ranks"])
        return self.ranks[0].num_ranks if self.ranks else None

    @property
    def command(self) -> str:
        """The command that trains such a run again, into another directory."""
        launcher = f"horovodrun -np {self.num_ranks} " if (self.num_ranks or 1) > 1 else ""
        again = self.path.with_name(self.path.name + "-again")
        path, again_path = shlex.quote(str(self.path / "config.yaml")), shlex.quote(str(again))
        resume = " --train.resume false" if self.config.train.resume else ""
        return f"{launcher}python -m ner_dist.train --config {path} --run {again_path}{resume}"

    def knobs(self) -> dict[str, tuple[Any, Any]]:
        """Every knob's value and default, by dotted name."""
        defaults = knobs.flat(Config())
        return {name: (value, defaults[name]) for name, value in knobs.flat(self.config).items()}


def read_facts(run: Path, name: str, checkpoint: str, saved: Checkpoint) -> RunFacts:
    """Absent files are left out. Raises UserError if one is damaged."""
    lines = read_metrics(run / "metrics.jsonl")
    logs = sorted(run.glob("rank-*.log"), key=lambda path: (len(path.name), path.name))
    return RunFacts(
        path=run,
        name=name,
        checkpoint=checkpoint,
        progress=saved.progress,
        config=saved.config,
        steps=[line for line in lines if line["kind"] == "steps"],
        epochs=[line for line in lines if line["kind"] == "epoch"],
        result=read_result(run / "result.json"),
        ranks=[rank for rank in map(_rank, logs) if rank is not None],
    )


def short_names(runs: list[Path]) -> list[str]:
    """What the page calls the runs: the shortest ends of their paths that differ, else numbered."""
    parts = [path.resolve().parts for path in runs]
    depths = range(1, max(map(len, parts)) + 1)
    depth = next(depth for depth in depths if len({part[-depth:] for part in parts}) == len(set(parts)))
    names = ["/".join(part[-depth:]) for part in parts]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]


def _rank(path: Path) -> RankLog | None:
    """None if the log lacks the line that each rank begins with."""
    text = path.read_text(encoding="utf-8", errors="replace")
    times, starts = _TIME.findall(text), _TIMED_START.findall(text)
    if not starts:
        return None
    _, rank, num_ranks, host, threads, device = starts[-1]
    return RankLog(int(rank), int(num_ranks), host, threads, device, times[0], times[-1])
