"""What all benchmarks share: their options, the figures they yield, taking turns, and child processes that measure."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import config
from ner_dist.cli.options import option
from ner_dist.config import Config
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.rank_process import run_rank

_CONLL, _CORPORA = Path("data/conll2003/index.json"), os.environ.get("NER_CORPORA")


@dataclasses.dataclass(frozen=True)
class BenchOptions:
    """What every benchmark is given."""

    shards: str = dataclasses.field(default_factory=lambda: "data/" + ("conll2003" if _CONLL.exists() else "shards"))
    """shard set to train on"""
    corpus: str = dataclasses.field(default_factory=lambda: f"{_CORPORA}/gmb/ner_dataset.csv.zip" if _CORPORA else "")
    """Kaggle CSV file to prepare, by default that in the folder NER_CORPORA"""
    repeats: int = option(3, least=1)
    """runs of each measurement, of which the median counts"""


class Measurement(NamedTuple):
    """One figure of a benchmark: a value, compared with another of the same unit (1 for a figure that stands alone)."""

    name: str
    value: float
    against: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.value / self.against


def shown(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The measurements, each printed as soon as it is known."""
    found = []
    for one in measurements:
        print(f"{one.name:70} {one.ratio:9.3f}   {one.value:,.4g} / {one.against:,.4g} {one.unit}", flush=True)
        found.append(one)
    return found


def alternate(repeats: int, *actions: Callable[[], Any]) -> list[Any]:
    """The median of what each action returns. The actions take turns, because the machine's speed drifts."""
    rounds = [[action() for action in actions] for _ in range(repeats)]
    return [median(of_action) for of_action in zip(*rounds)]


def median(found: Sequence[Any]) -> Any:
    """The median of numbers, or of each number in nested dictionaries with the same keys."""
    if isinstance(found[0], dict):
        return {name: median([one[name] for one in found]) for name in found[0]}
    return statistics.median(found)


def seconds(action: Callable[[], Any]) -> float:
    """How long an action takes."""
    began_s = time.perf_counter()
    action()
    return time.perf_counter() - began_s


def output_of(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """The standard output of a command. Raises CalledProcessError if it fails, having shown all it has printed."""
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if child.returncode:
        print(child.stdout + child.stderr, file=sys.stderr)
        child.check_returncode()
    return child.stdout


def child_json(
    *words: str, threads: int = 1, ranks: int = 1, python: str = sys.executable, variables: dict[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object that `python -m WORDS...` prints last.

    A process alone is pinned to as many cores as it has threads, because MXNet's engine and Python would otherwise use
    one more; several ranks are started with horovodrun. Raises CalledProcessError.
    """
    start = ["horovodrun", "-np", str(ranks)] if ranks > 1 else ["taskset", "-c", f"0-{threads - 1}"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **(variables or {})}
    output = output_of([*start, python, "-m", *words], environment)
    # horovodrun writes the rank before each line.
    found: dict[str, Any] = json.loads(re.findall(r"\{.*\}", output)[-1])
    return found


def measure_rank(measure: Callable[[Config, Comm], dict[str, Any]]) -> None:
    """As a rank that is given the knobs of ner_dist.train: call measure, and print rank 0's figures for child_json."""
    settings, _ = config.parse(sys.argv[1:])

    def action(comm: Comm) -> None:
        found = measure(settings, comm)
        if comm.rank == 0:
            print(json.dumps(found), flush=True)

    run_rank(action)
