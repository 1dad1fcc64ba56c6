"""What the access log costs: waits of 50 clients with texts of 30 tokens, with it and without, by turns.

python -m bench.speed.service_log MODEL SHARDS [--before CHECKOUT] prints one JSON line.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Optional

from bench.speed.measurement import BenchOptions, Measurement, alternate
from bench.speed.prediction import trained_model
from bench.speed.service import ServiceLoadOptions, measure
from ner_dist.cli.options import make_parser, option, read_options

_MOST_RATIO = 1.05
_FIGURES = ("p50_ms", "p99_ms", "requests_per_second", "server_cores")


@dataclasses.dataclass(frozen=True)
class LogOptions:
    """Put a service under load without its access log, with it, and perhaps one of older code, by turns."""

    model: str = option(positional=True, metavar="MODEL")
    """directory of a run or of an exported model; one that older code reads, too"""
    shards: str = option(positional=True, metavar="SHARDS")
    """shard set whose test split the texts come from"""
    before: Optional[str] = option(None, metavar="DIR")
    """checkout of older code, whose service takes turns, too"""
    seconds: float = 20.0
    """duration of each turn"""
    rounds: int = option(5, least=1)
    """turns of each, of which the median counts"""


def measure_log(options: LogOptions) -> dict[str, dict[str, float]]:
    """The figures of each side: off, on, and before if there is older code."""
    load = ServiceLoadOptions(options.model, options.shards, seconds=options.seconds, hostile=0)
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Callable[[], dict[str, Any]]] = {
            "off": functools.partial(measure, load, "--access-log", "off"),
            "on": functools.partial(measure, load, "--access-log", f"{folder}/log"),
        }
        if options.before is not None:
            sides["before"] = functools.partial(measure, load, code=options.before)
        found = alternate(options.rounds, *(functools.partial(_sound, action) for action in sides.values()))
    return dict(zip(sides, found))


def _sound(action: Callable[[], dict[str, Any]]) -> dict[str, float]:
    found = action()
    if found["errors"]:
        raise RuntimeError(f"the service has failed: {found['errors']}")
    return {name: found[name] for name in _FIGURES}


def service_log(options: BenchOptions) -> Iterator[Measurement]:
    with trained_model(options.shards) as (_, exported):
        found = measure_log(LogOptions(exported, options.shards, rounds=options.repeats))
    name = f"service, 50 clients, access log on / off, 99th percentile (aim: {_MOST_RATIO})"
    yield Measurement(name, found["on"]["p99_ms"], found["off"]["p99_ms"], "ms")


def main() -> None:
    parser = make_parser(
        LogOptions,
        "python -m bench.speed.service_log",
        usage="MODEL SHARDS [options]",
        example="exported data/shards --before ../older --rounds 5",
    )
    found: dict[str, Any] = measure_log(read_options(LogOptions, parser.parse_args()))
    for side in [side for side in ("off", "before") if side in found]:
        found[f"p99, on / {side}"] = found["on"]["p99_ms"] / found[side]["p99_ms"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
