"""The rows of a benchmark: ratios, from runs that took turns."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says of all benchmarks."""

    # Shard set to train on, and corpus file to prepare, if there is one.
    shards: str
    corpus: str | None
    # Runs of each, of which the median counts.
    repeats: int


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure; ratio is value / against unless the name says otherwise."""

    name: str
    ratio: float
    value: float
    against: float
    unit: str


def row(name: str, ratio: float, value: float, against: float, unit: str) -> Row:
    """A row, printed as soon as it is known."""
    print(f"{name:70} {ratio:9.3f}   {value:,.4g} / {against:,.4g} {unit}", flush=True)
    return Row(name, ratio, value, against, unit)


def alternate(repeats: int, *actions: Callable[[], float]) -> list[float]:
    """The median of what each action returns; they take turns, because the machine's speed drifts."""
    found = [[action() for action in actions] for _ in range(repeats)]
    return [statistics.median(values) for values in zip(*found)]


def seconds(action: Callable[[], Any]) -> float:
    """How long it takes."""
    began_s = time.perf_counter()
    action()
    return time.perf_counter() - began_s
