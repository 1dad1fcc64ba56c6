# PYTHON_ARGCOMPLETE_OK
"""Measure this machine: `python -m bench.run [NAME ...]` prints ratios and writes bench/results.json.

Runs that are compared take turns, and the median counts, because the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
from importlib.metadata import version
from pathlib import Path

from bench.files import replace
from bench.machine import commit, hardware
from bench.speed.crf import crf
from bench.speed.exchange import exchange
from bench.speed.flops import arithmetic
from bench.speed.forecast import forecast
from bench.speed.plan import plan
from bench.speed.prediction import prediction
from bench.speed.preparation import preparation
from bench.speed.profile import profile
from bench.speed.reader import reader
from bench.speed.rows import Options
from bench.speed.scaling import padding, scaling
from bench.speed.score import score
from bench.speed.service import service
from bench.speed.time_to_f1 import time_to_f1
from bench.speed.timeline import timeline
from bench.speed.training import training
from ner_dist.cli.shell_completion import complete

RESULTS = Path("bench/results.json")
BENCHMARKS = {"scaling": scaling, "padding": padding, "preparation": preparation, "score": score, "crf": crf}
BENCHMARKS.update(training=training, arithmetic=arithmetic, time_to_f1=time_to_f1)
BENCHMARKS.update(plan=plan, reader=reader, forecast=forecast, profile=profile, timeline=timeline)
BENCHMARKS.update(exchange=exchange, prediction=prediction, service=service)
# Only if named: they take an hour.
LONG = {"time_to_f1"}


def main() -> None:
    corpora = os.environ.get("NER_CORPORA")
    shards = "data/conll2003" if Path("data/conll2003/index.json").exists() else "data/shards"
    corpus = str(Path(corpora) / "gmb/ner_dataset.csv.zip") if corpora else None
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.splitlines()[0])
    names = parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (all but {', '.join(LONG)})"
    )
    parser.add_argument("--shards", default=shards, help=f"to train on ({shards})")
    parser.add_argument("--corpus", default=corpus, help="to prepare (the Kaggle file in NER_CORPORA)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the median counts (3)")
    # Where argcomplete looks for what may stand there.
    names.completer = lambda **_: list(BENCHMARKS)  # type: ignore[attr-defined]
    complete(parser)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    options = Options(arguments.shards, arguments.corpus, arguments.repeats)
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.names or [name for name in BENCHMARKS if name not in LONG]:
        # Each benchmark says when and where it was run: some may be newer than others.
        record[name] = {
            "date": str(datetime.date.today()),
            "commit": commit(),
            "hardware": hardware(),
            "shards": options.shards,
            "versions": {package: version(package) for package in ("mxnet", "horovod", "numpy", "pyarrow")},
            "rows": [dataclasses.asdict(found) for found in BENCHMARKS[name](options)],
        }
        replace(RESULTS, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
