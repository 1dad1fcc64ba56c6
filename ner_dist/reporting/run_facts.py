"""The files of a run -> what a report says of how it was made: knobs, course of training, machines, versions."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.errors import UserError
from ner_dist.run.checkpoint import Checkpoint, Progress

_BEGIN = re.compile(r"rank (\d+) of (\d+): process \d+ on (.+), OMP_NUM_THREADS (.+), device (.+)$")
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ [A-Z]+ (.*)$")


@dataclasses.dataclass(frozen=True)
class Rank:
    """What a rank's log says: of its latest start, and of its first and last word."""

    rank: int
    num_ranks: int
    host: str
    threads: str
    device: str
    began: str
    ended: str


@dataclasses.dataclass(frozen=True)
class RunFacts:
    path: Path
    name: str
    # "best" or "last", and where training stood when it was saved.
    checkpoint: str
    progress: Progress
    config: Config
    # Of metrics.jsonl, by "kind"; empty if there is none.
    steps: list[dict[str, Any]]
    epochs: list[dict[str, Any]]
    # result.json, or None if the run has not ended.
    result: dict[str, Any] | None
    ranks: list[Rank]

    @property
    def best_epoch(self) -> int | None:
        """The epoch (from 1) with the best dev F1, the first of equals."""
        if not self.epochs:
            return None
        return int(max(self.epochs, key=lambda line: float(line["dev_f1"]))["epoch"])

    @property
    def num_ranks(self) -> int | None:
        if self.result is not None:
            return int(self.result["num_ranks"])
        return self.ranks[0].num_ranks if self.ranks else None

    @property
    def command(self) -> str:
        """What trains such a run once more, into another directory."""
        launcher = f"horovodrun -np {self.num_ranks} " if (self.num_ranks or 1) > 1 else ""
        again = self.path.with_name(self.path.name + "-again")
        path, again_path = shlex.quote(str(self.path / "config.yaml")), shlex.quote(str(again))
        resume = " --train.resume false" if self.config.train.resume else ""
        return f"{launcher}python -m ner_dist.train --config {path} --run {again_path}{resume}"

    def knobs(self) -> dict[str, tuple[Any, Any]]:
        """Every knob and its default, by dotted name."""
        defaults = knobs.flat(Config())
        return {name: (value, defaults[name]) for name, value in knobs.flat(self.config).items()}


def read_facts(run: Path, name: str, checkpoint: str, saved: Checkpoint) -> RunFacts:
    """Raises UserError if a file of the run is damaged; those that are absent are left out."""
    lines = _metrics(run / "metrics.jsonl")
    return RunFacts(
        path=run,
        name=name,
        checkpoint=checkpoint,
        progress=saved.progress,
        config=saved.config,
        steps=[line for line in lines if line["kind"] == "steps"],
        epochs=[line for line in lines if line["kind"] == "epoch"],
        result=_result(run / "result.json"),
        ranks=[rank for rank in map(_rank, _logs(run)) if rank is not None],
    )


def short_names(runs: list[Path]) -> list[str]:
    """What the runs are called on the page: the ends of their paths that tell them apart."""
    parts = [path.resolve().parts for path in runs]
    depth = 1
    while depth < max(map(len, parts)) and len({part[-depth:] for part in parts}) < len(set(parts)):
        depth += 1
    names = ["/".join(part[-depth:]) for part in parts]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]


def _metrics(path: Path) -> list[dict[str, Any]]:
    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else [], 1):
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            # The last line of a run that is being written, or died while it was.
            if number == len(path.read_text(encoding="utf-8").splitlines()):
                break
            raise UserError(f"{path}:{number}: not a line of metrics ({error}); take it out") from error
    return lines


def _result(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error}); take it away to do without") from error
    return result


def _logs(run: Path) -> list[Path]:
    return sorted(run.glob("rank-*.log"), key=lambda path: (len(path.name), path.name))


def _rank(path: Path) -> Rank | None:
    """None if the log does not say how its rank began."""
    times, begin = [], None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        stamped = _TIME.match(line)
        if stamped:
            times.append(stamped.group(1))
            begin = _BEGIN.match(stamped.group(2)) or begin
    if begin is None:
        return None
    rank, num_ranks, host, threads, device = begin.groups()
    return Rank(int(rank), int(num_ranks), host, threads, device, times[0], times[-1])
