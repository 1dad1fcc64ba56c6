"""Measure this machine: `python -m bench.run [NAME ...]` prints ratios and writes bench/results.json.

Runs that are compared take turns, and the median counts, because the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import commit, hardware
from ner_dist.score import count
from ner_dist.spans import Spans, bilou_tags, spans_to_bilou

RESULTS = Path("bench/results.json")


def _steps(ranks: int, shards: str, batch_sentences: int) -> dict[str, float]:
    """tokens/s and padding of training steps on so many ranks of this machine, a thread and a core each."""
    # One rank would otherwise use a second core for Python.
    start = ["horovodrun", "-np", str(ranks)] if ranks > 1 else ["taskset", "-c", "0"]
    command = [*start, sys.executable, "-m", "bench.steps", "--data.shards", shards]
    command += ["--train.batch_sentences", str(batch_sentences)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if '"tokens_per_second"' in line)
    measured: dict[str, float] = json.loads(line[line.index("{") :])
    return measured


def scaling(options: argparse.Namespace) -> list[dict[str, Any]]:
    """2 ranks on 2 cores against 1 rank on 1: the same global batch, and the same batch a rank."""
    rows = []
    for batch in (32, 128):
        runs: dict[str, list[float]] = {"one": [], "two": [], "two_doubled": []}
        for _ in range(options.repeats):
            runs["one"].append(_steps(1, options.shards, batch)["tokens_per_second"])
            runs["two"].append(_steps(2, options.shards, batch)["tokens_per_second"])
            runs["two_doubled"].append(_steps(2, options.shards, 2 * batch)["tokens_per_second"])
        one, two, doubled = (statistics.median(values) for values in runs.values())
        rows.append(_row(f"2 ranks / 1 rank, {batch} sentences a step in both", two / one, two, one, "tokens/s"))
        rows.append(_row(f"2 ranks / 1 rank, {batch} sentences a rank", doubled / one, doubled, one, "tokens/s"))
    return rows


def padding(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Share of token slots that hold no token, with the default batch."""
    share = _steps(1, options.shards, 32)["padding"]
    return [_row("padding, share of all slots", share, share, 1, "")]


def preparation(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The whole command from the source file to finished shards, against reading the file's bytes."""
    if not options.corpus:
        print("preparation: skipped, no --corpus")
        return []
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(options.repeats):
            out = Path(folder) / str(repeat)
            command = [sys.executable, "-m", "data_prep", "build", "--train", options.corpus, "--out", str(out)]
            began_s = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            seconds = time.perf_counter() - began_s
            tokens = sum(
                sum(shard["tokens"])
                for shards in json.loads((out / "index.json").read_text())["splits"].values()
                for shard in shards
            )
            speeds.append(tokens / seconds)
    speed = statistics.median(speeds)
    return [_row("preparation, whole command / 300,000 tokens/s", speed / 300_000, speed, 300_000, "tokens/s")]


def score(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Counting entities against seqeval's strict mode on the same random tags."""
    from seqeval.metrics import f1_score
    from seqeval.scheme import BILOU

    rng = np.random.default_rng(0)
    num_sentences, length, types = 5000, 20, ["LOC", "MISC", "ORG", "PER"]
    num_tokens = num_sentences * length
    start_E = np.arange(0, num_tokens, 5)
    size_E = rng.integers(1, 4, len(start_E))

    def tags() -> np.ndarray:
        return spans_to_bilou(Spans(start_E, start_E + size_E, rng.integers(0, len(types), len(start_E))), num_tokens)

    gold_M, predicted_M = tags(), tags()
    starts_M = np.arange(num_tokens) % length == 0
    names = np.array(bilou_tags(types))
    gold, predicted = (names[ids].reshape(num_sentences, length).tolist() for ids in (gold_M, predicted_M))

    def speed(action: Callable[[], Any]) -> float:
        began_s = time.perf_counter()
        action()
        return num_tokens / (time.perf_counter() - began_s)

    ours, theirs = [], []
    for _ in range(options.repeats):
        ours.append(speed(lambda: count(gold_M, predicted_M, starts_M, len(types))))
        theirs.append(speed(lambda: f1_score(gold, predicted, mode="strict", scheme=BILOU)))
    mine, yours = statistics.median(ours), statistics.median(theirs)
    return [_row("score / seqeval strict", mine / yours, mine, yours, "tokens/s")]


def crf(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Loss and gradient of the CRF: our closed form against MXNet's autograd through the recursion."""
    # MXNet reads it when it is imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    return [_crf_of_size(10 * options.repeats, *size) for size in ((32, 15, 17), (32, 40, 17), (64, 22, 33))]


def _crf_of_size(repeats: int, num_sentences: int, num_tokens: int, num_tags: int) -> dict[str, Any]:
    from bench.crf_autograd import AutogradCrf
    from ner_dist.crf import Scores, likelihood

    rng = np.random.default_rng(0)
    tag_TB = rng.integers(0, num_tags, (num_tokens, num_sentences))
    emission_TBK = rng.normal(size=(*tag_TB.shape, num_tags)).astype(np.float32)
    length_B = rng.integers(num_tokens // 2, num_tokens + 1, num_sentences)
    shapes = (num_tags, (num_tags, num_tags), num_tags)
    scores = Scores(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    autograd = AutogradCrf(scores)

    def ours() -> float:
        return likelihood(emission_TBK, tag_TB, length_B, scores).loss

    def theirs() -> float:
        return autograd.loss_and_gradient(emission_TBK, tag_TB, length_B)

    assert np.isclose(ours(), theirs(), rtol=1e-5)
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats)]
    mine, yours = (1e3 * statistics.median(column) for column in zip(*times))
    name = f"CRF, autograd / closed form, {num_sentences} x {num_tokens} tokens, {num_tags} tags"
    return _row(name, yours / mine, yours, mine, "ms")


def _seconds(action: Callable[[], Any]) -> float:
    began_s = time.perf_counter()
    action()
    return time.perf_counter() - began_s


def _row(name: str, ratio: float, value: float, against: float, unit: str) -> dict[str, Any]:
    print(f"{name:60} {ratio:8.3f}   {value:,.4g} / {against:,.4g} {unit}", flush=True)
    return {"name": name, "ratio": ratio, "value": value, "against": against, "unit": unit}


BENCHMARKS = {"scaling": scaling, "padding": padding, "preparation": preparation, "score": score, "crf": crf}


def main() -> None:
    corpora = os.environ.get("NER_CORPORA")
    shards = "data/conll2003" if Path("data/conll2003/index.json").exists() else "data/shards"
    corpus = str(Path(corpora) / "gmb/ner_dataset.csv.zip") if corpora else None
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--shards", default=shards, help=f"to train on ({shards})")
    parser.add_argument("--corpus", default=corpus, help="to prepare (the Kaggle file in NER_CORPORA)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the median counts (3)")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.names or BENCHMARKS:
        # Each benchmark says when and where it was run: some may be newer than others.
        record[name] = {
            "date": str(datetime.date.today()),
            "commit": commit(),
            "hardware": hardware(),
            "shards": options.shards,
            "versions": {package: version(package) for package in ("mxnet", "horovod", "numpy", "pyarrow")},
            "rows": BENCHMARKS[name](options),
        }
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
