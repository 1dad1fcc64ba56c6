# PYTHON_ARGCOMPLETE_OK
"""Measure this machine: `python -m bench.run [NAME ...]` prints ratios and writes bench/results.json."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import pkgutil
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from bench.measured_on import commit, hardware
from bench.speed.measurement import BenchOptions, Measurement, shown
from ner_dist.atomic_file import whole_file
from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.shell_completion import complete

RESULTS = Path("bench/results.json")
BENCHMARKS = (
    *("scaling", "padding", "preparation", "score", "crf", "training", "arithmetic", "time_to_f1", "plan", "reader"),
    *("forecast", "profile", "timeline", "exchange", "prediction", "service", "service_log"),
    *("service_versions", "service_neighbour", "neighbour", "stores"),
)
# They print tables of their own.
_TABLES = {"profile", "timeline"}
# Only if named: they take an hour.
LONG = {"time_to_f1"}


def benchmark(name: str) -> Callable[[BenchOptions], Iterable[Measurement]]:
    """The function of its name in the file of its name; padding is in scaling.py. Imported now: most need MXNet."""
    found: Callable[[BenchOptions], Iterable[Measurement]] = pkgutil.resolve_name(
        f"bench.speed.{name.replace('padding', 'scaling')}:{name}"
    )
    return found


def _benchmark(name: str) -> str:
    if name not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{name!r} is no benchmark; expected {', '.join(BENCHMARKS)}")
    return name


@dataclasses.dataclass(frozen=True)
class RunOptions(BenchOptions):
    """Measure this machine, print ratios and write them to bench/results.json.

    Runs that are compared take turns, and the median counts, because the machine's speed drifts.
    """

    names: list[str] = option(
        [], positional=True, nargs="*", type=_benchmark, metavar="NAME", completer=lambda **_: list(BENCHMARKS)
    )
    """benchmarks to run (default all but time_to_f1, which takes an hour): scaling, padding, preparation, score, crf,
    training, arithmetic, time_to_f1, plan, reader, forecast, profile, timeline, exchange, prediction, service,
    service_log, service_versions, service_neighbour, neighbour, stores"""


def main() -> None:
    usage, example = "[NAME ...] [options]", "training exchange --repeats 1"
    parser = make_parser(RunOptions, "python -m bench.run", usage=usage, example=example)
    complete(parser)
    options = read_options(RunOptions, parser.parse_args())
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.names or [name for name in BENCHMARKS if name not in LONG]:
        found = benchmark(name)(options)
        # Date and commit are those of each benchmark, because some may be newer than others.
        results[name] = {
            "date": str(datetime.date.today()),
            "commit": commit(),
            "hardware": hardware(),
            "shards": options.shards,
            "versions": {package: version(package) for package in ("mxnet", "horovod", "numpy", "pyarrow")},
            "rows": [
                {"name": m.name, "ratio": m.ratio, **m._asdict()} for m in (list if name in _TABLES else shown)(found)
            ],
        }
        with whole_file(RESULTS) as file:
            file.write(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
