"""Prediction by MXNet and by the exported model in ONNX Runtime: tokens and sentences per second, and latency.

python -m bench.speed.prediction MODEL SHARDS prints one JSON line for a run's directory or an exported model.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json, output_of, seconds
from ner_dist.contract.shard_format import read_index
from ner_dist.data.batch import Batch
from ner_dist.prediction.tagger import Tagger

# Sentences of each raw text; sentences tagged one by one, after some that are not timed.
_PER_TEXT, _ALONE, _WARM_UP = 20, 1000, 100
# What is measured, by its key in a child's output.
_SPEEDS = {
    "emissions": ("the network alone", "tokens/s"),
    "tokens": ("tokens given", "tokens/s"),
    "sentences": ("tokens given, sentences", "sentences/s"),
    "text_tokens": ("raw text", "tokens/s"),
    "text_sentences": ("raw text, sentences", "sentences/s"),
}
_LATENCIES = {"p50_ms": "one sentence of tokens, median", "p99_ms": "one sentence of tokens, 99th percentile"}


@contextmanager
def trained_model(shards: str) -> Iterator[tuple[str, str]]:
    """The directories of a run and of its export, trained for one epoch: its scores hardly matter to its speed."""
    with tempfile.TemporaryDirectory() as folder:
        run, exported = f"{folder}/run", f"{folder}/exported"
        job = "job/conll2003.yaml" if read_index(shards).vectors else "job/default.yaml"
        # The job first: later words override it.
        train = ["ner_dist.train", "--config", job, "--data.shards", os.path.abspath(shards), "--run", run]
        train += ["--train.epochs", "1", "--train.score_test", "false"]
        for command in (train, ["ner_dist.export", run, "--onnx", exported]):
            output_of([sys.executable, "-m", *command])
        yield run, exported


def held_out_tokens(shards: str) -> list[list[str]]:
    """The tokens of each sentence of test, or of dev if there is no test."""
    index = read_index(shards)
    files = [Path(shards) / entry.path for entry in index.splits.get("test") or index.splits["dev"]]
    return [tokens for path in files for tokens in pq.read_table(path, columns=["text"])["text"].to_pylist()]


def prediction(options: BenchOptions) -> Iterator[Measurement]:
    """A run against its export, on one core, and on two if there are as many."""
    with trained_model(options.shards) as models:
        for cores in (1, 2)[: len(os.sched_getaffinity(0))]:
            children = (partial(child_json, "bench.speed.prediction", m, options.shards, threads=cores) for m in models)
            mxnet, onnx = alternate(options.repeats, *children)
            where = f"{cores} core{'s' * (cores > 1)}"
            for key, (what, unit) in _SPEEDS.items():
                yield Measurement(f"prediction, ONNX / MXNet, {what}, {where}", onnx[key], mxnet[key], unit)
            for key, what in _LATENCIES.items():
                yield Measurement(f"prediction, MXNet / ONNX, {what}, {where}", mxnet[key], onnx[key], "ms")


def _measure(model: str, shards: str) -> dict[str, float]:
    ordered = held_out_tokens(shards)
    # Sentences of all lengths side by side.
    sentences = [ordered[i] for i in np.random.default_rng(0).permutation(len(ordered))]
    parts = [sentences[first : first + _PER_TEXT] for first in range(0, len(sentences), _PER_TEXT)]
    texts = [" ".join(token for tokens in part for token in tokens) for part in parts]
    tagger, computing_s = Tagger.load(model, device="cpu"), []
    compute = tagger._network.emissions

    def timed_emissions(batch: Batch) -> np.ndarray:
        began_s = time.perf_counter()
        emission_TBK = compute(batch)
        computing_s.append(time.perf_counter() - began_s)
        return emission_TBK

    tagger._network.emissions = timed_emissions  # type: ignore[method-assign]
    tagger.tag(texts[:_WARM_UP])

    computing_s.clear()
    num_tokens = sum(map(len, sentences))
    took_s = seconds(lambda: tagger.tag_tokens(sentences))
    found = {
        "emissions": num_tokens / sum(computing_s),
        "tokens": num_tokens / took_s,
        "sentences": len(sentences) / took_s,
    }
    began_s = time.perf_counter()
    of_texts = [part for document in tagger.stream(map(tagger.document, texts)) for part in document.sentences]
    took_s = time.perf_counter() - began_s
    found["text_tokens"] = sum(len(sentence.tokens) for sentence in of_texts) / took_s
    found["text_sentences"] = len(of_texts) / took_s
    latencies_s = [seconds(partial(tagger.tag_tokens, [tokens])) for tokens in sentences[: _WARM_UP + _ALONE]]
    found["p50_ms"], found["p99_ms"] = (1e3 * np.percentile(latencies_s[_WARM_UP:], (50, 99))).tolist()
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
