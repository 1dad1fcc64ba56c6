"""Prediction by MXNet and by the exported model in onnxruntime: tokens and sentences a second, and the wait for one.

python -m bench.speed.prediction MODEL SHARDS prints one JSON line of a run's directory, or of an exported model's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.speed.rows import Options, Row, row, seconds
from ner_dist.contract.shard_format import read_index
from ner_dist.data.batch import Batch
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.prediction.tagger import Network, Tagger
from ner_dist.ranks import environment

# Sentences of one raw text; and those that are tagged one by one, after others that nobody times.
_OF_A_TEXT, _ALONE, _WARM_UP = 20, 1000, 100
# What is measured, by its key in what a process prints.
_SPEEDS = {
    "emissions": ("the network alone", "tokens/s"),
    "tokens": ("tokens given", "tokens/s"),
    "sentences": ("tokens given, sentences", "sentences/s"),
    "text_tokens": ("raw text", "tokens/s"),
    "text_sentences": ("raw text, sentences", "sentences/s"),
}
_WAITS = {"p50_ms": "one sentence of tokens, median", "p99_ms": "one sentence of tokens, 99th percentile"}


def prediction(options: Options) -> list[Row]:
    """With a model of one epoch on the shards: what it has learnt hardly matters to its speed."""
    job = "job/conll2003.yaml" if read_index(options.shards).vectors else "job/default.yaml"
    with tempfile.TemporaryDirectory() as folder:
        run, exported = f"{folder}/run", f"{folder}/exported"
        train = ["ner_dist.train", "--config", job, "--data.shards", os.path.abspath(options.shards), "--run", run]
        train += ["--train.epochs", "1", "--train.score_test", "false"]
        for command in (train, ["ner_dist.export", run, "--onnx", exported]):
            subprocess.run([sys.executable, "-m", *command], capture_output=True, check=True)
        return compare(run, exported, options)


def compare(run: str, exported: str, options: Options) -> list[Row]:
    """A run against what was exported of it: on one core, and on two if there are as many."""
    rows = []
    for cores in (1, 2)[: len(os.sched_getaffinity(0))]:
        turns = [[_in_a_process(model, options, cores) for model in (run, exported)] for _ in range(options.repeats)]
        mxnet, onnx = (
            {key: statistics.median(found[key] for found in side) for key in side[0]} for side in zip(*turns)
        )
        where = f"{cores} core{'s' * (cores > 1)}"
        for key, (what, unit) in _SPEEDS.items():
            name = f"prediction, ONNX / MXNet, {what}, {where}"
            rows.append(row(name, onnx[key] / mxnet[key], onnx[key], mxnet[key], unit))
        for key, what in _WAITS.items():
            name = f"prediction, MXNet / ONNX, {what}, {where}"
            rows.append(row(name, mxnet[key] / onnx[key], mxnet[key], onnx[key], "ms"))
    return rows


def _in_a_process(model: str, options: Options, cores: int) -> dict[str, float]:
    """What _measure finds on so many cores, with as many threads."""
    command = ["taskset", "-c", f"0-{cores - 1}", sys.executable, "-m", "bench.speed.prediction", model, options.shards]
    variables = {**os.environ, "OMP_NUM_THREADS": str(cores)}
    output = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


class _Watched:
    """A network that knows how long it has computed."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.vocabularies, self.transition_scores = network.vocabularies, network.transition_scores
        self.took_s = 0.0

    def emissions(self, batch: Batch) -> np.ndarray:
        began_s = time.perf_counter()
        emission_TBK = self._network.emissions(batch)
        self.took_s += time.perf_counter() - began_s
        return emission_TBK


def _load(model: str) -> Network:
    # MXNet reads the number of threads as it is imported.
    environment.prepare()
    if (Path(model) / "tagger.json").is_file():
        return OnnxNetwork(Path(model))
    from ner_dist.prediction.mxnet_network import CheckpointNetwork

    return CheckpointNetwork(Path(model) / "checkpoints" / "best", "cpu")


def _sentences(shards: str) -> list[list[str]]:
    """The tokens of test, or of dev if there is no test, sentences of all lengths side by side."""
    index = read_index(shards)
    files = [Path(shards) / entry.path for entry in index.splits.get("test") or index.splits["dev"]]
    found = [tokens for path in files for tokens in pq.read_table(path, columns=["text"])["text"].to_pylist()]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def _measure(model: str, shards: str) -> dict[str, float]:
    """All figures of one model."""
    sentences = _sentences(shards)
    parts = [sentences[first : first + _OF_A_TEXT] for first in range(0, len(sentences), _OF_A_TEXT)]
    texts = [" ".join(token for tokens in part for token in tokens) for part in parts]
    network = _Watched(_load(model))
    tagger = Tagger(network)
    tagger.tag(texts[:_WARM_UP])

    network.took_s, num_tokens = 0.0, sum(map(len, sentences))
    took_s = seconds(lambda: tagger.tag_tokens(sentences))
    found = {
        "emissions": num_tokens / network.took_s,
        "tokens": num_tokens / took_s,
        "sentences": len(sentences) / took_s,
    }
    began_s = time.perf_counter()
    of_texts = [part for document in tagger.stream(map(tagger.document, texts)) for part in document.sentences]
    took_s = time.perf_counter() - began_s
    found["text_tokens"] = sum(len(sentence.tokens) for sentence in of_texts) / took_s
    found["text_sentences"] = len(of_texts) / took_s
    waits_s = [seconds(partial(tagger.tag_tokens, [tokens])) for tokens in sentences[: _WARM_UP + _ALONE]]
    found["p50_ms"], found["p99_ms"] = (1e3 * np.percentile(waits_s[_WARM_UP:], (50, 99))).tolist()
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
