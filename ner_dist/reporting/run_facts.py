"""The files of a model -> what a report says about how it was made: knobs, course of training, machines, versions."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.export_record import is_export, read_record
from ner_dist.contract.shard_format import read_stored_index
from ner_dist.run import checkpoint
from ner_dist.run.run_records import read_metrics, read_result
from ner_dist.stores.addresses import is_address
from ner_dist.stores.local_copies import by_address

_CHECKPOINTS = "checkpoints"
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
    """A model that is a run, a checkpoint of one, or an export, which has only its knobs."""

    path: Path
    # The directory of the run; None for an export, and for a checkpoint that was moved.
    run: Path | None
    name: str
    # What was loaded: "best checkpoint, epoch 12".
    origin: str
    config: Config
    # The fingerprint of the shards that it was trained on; None if an old export does not say.
    trained_on: str | None
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
    def command(self) -> str | None:
        """The command that trains such a run again, into another directory; None if this is none."""
        if self.run is None:
            return None
        launcher = f"horovodrun -np {self.num_ranks} " if (self.num_ranks or 1) > 1 else ""
        named = by_address(str(self.run))
        again = shlex.quote(f"{named}-again")
        if is_address(named):
            return f"{launcher}python -m ner_dist.train --like {shlex.quote(named)} --run {again}"
        resume = " --train.resume false" if self.config.train.resume else ""
        path = shlex.quote(str(self.run / "config.yaml"))
        return f"{launcher}python -m ner_dist.train --config {path} --run {again}{resume}"

    def knobs(self) -> dict[str, tuple[Any, Any]]:
        """Every knob's value and default, by dotted name."""
        defaults = knobs.flat(Config())
        return {name: (value, defaults[name]) for name, value in knobs.flat(self.config).items()}


def read_facts(model: Path, name: str, origin: str, config: Config, trained_on: str | None) -> RunFacts:
    """Absent files are left out. Raises UserError if one is damaged."""
    run = run_of(model)
    lines = [] if run is None else read_metrics(run / "metrics.jsonl")
    logs = [] if run is None else sorted(run.glob("rank-*.log"), key=lambda path: (len(path.name), path.name))
    return RunFacts(
        path=model,
        run=run,
        name=name,
        origin=origin,
        config=config,
        trained_on=trained_on,
        steps=[line for line in lines if line["kind"] == "steps"],
        epochs=[line for line in lines if line["kind"] == "epoch"],
        result=None if run is None else read_result(run / "result.json"),
        ranks=[rank for rank in map(_rank, logs) if rank is not None],
    )


def run_of(model: Path) -> Path | None:
    """The run that a model is, or whose checkpoint it is."""
    if (model / _CHECKPOINTS).is_dir():
        return model
    of_run = (model / "state.json").is_file() and model.resolve().parent.name == _CHECKPOINTS
    return model.resolve().parent.parent if of_run else None


def place_of_page(model: Path) -> Path:
    """Where a report goes by default: not into a checkpoint or an export, all of whose files are listed."""
    run = run_of(model)
    if run is not None:
        return run / "report.html"
    model = model.resolve()
    return model.with_name(f"{model.name}-report.html")


def training_data(model: Path, name: str) -> str | None:
    """The fingerprint of the shards that a model was trained on, from its files alone.

    name: of a run's checkpoint, "best" or "last". Raises UserError if there is no model.
    """
    if is_export(model):
        origin = read_record(model).fields.get("origin")
        found = origin.get("shards") if isinstance(origin, dict) else None
        return found if isinstance(found, str) else None
    is_checkpoint = (model / "state.json").is_file()
    return read_stored_index(model if is_checkpoint else checkpoint.find(model / _CHECKPOINTS / name))[0].fingerprint()


def short_names(runs: Sequence[Path]) -> list[str]:
    """What the page calls the runs: the shortest ends of their paths that differ, else numbered."""
    if not runs:
        return []
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
