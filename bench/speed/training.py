"""Training steps against the PyTorch peer: tokens/s on the same sentences in the same order, with the same model.

The sizes are those of Ma & Hovy 2016: words of 100 units, a character CNN of 30 filters upon 30 units, an LSTM of 200
units a direction, and a CRF over the BILOU tags; dropout of the LSTM's inputs and outputs; plain SGD, clipped. Words
begin at random, as speed does not depend on their values.

What favours the peer: SGD, since the gradient of its word table is dense, as usual, and other rules make more of it;
and that the table has no words which training lacks. What both do within the time measured: reading and padding.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.speed import steps
from bench.speed.peer import ROOT, largest_difference, outcomes, peer_command, torch_version
from bench.speed.rows import Options, Row, alternate, row
from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps
from ner_dist.data.used_inputs import num_words

_BATCHES = (10, 32, 128)
# The peer's: as PyTorch's documentation has it, and as one who has profiled it writes it.
_LSTMS = ("packed", "mirrored")
_RATE, _CLIP, _SEED = 0.015, 5.0, 1
# Relative to the largest number of each array, in float32.
_AGREE = 1e-4


def training(options: Options) -> list[Row]:
    """Ours against the peer at each batch and number of threads, and ours at 32 against the peer at 10."""
    version = torch_version()
    if version is None:
        print("training: skipped, no PyTorch (see bench/speed/peer.py)")
        return []
    for lstm in _LSTMS:
        require_agreement(options.shards, lstm)
    rows = []
    for threads in (1, 2):
        actions: dict[tuple[str, int], Callable[[], float]] = {}
        for batch in _BATCHES:
            actions["ours", batch] = partial(ours, options.shards, batch, threads)
            actions.update({(lstm, batch): partial(peer, options.shards, batch, threads, lstm) for lstm in _LSTMS})
        speed = dict(zip(actions, alternate(options.repeats, *actions.values())))
        for lstm in _LSTMS:
            for mine, yours in [*((batch, batch) for batch in _BATCHES), (32, 10)]:
                name = f"training, ours at {mine} / PyTorch {version} {lstm} at {yours}, {_cores(threads)}"
                found, against = speed["ours", mine], speed[lstm, yours]
                rows.append(row(name, found / against, found, against, "tokens/s"))
    return rows


def knobs(shards: str, batch_sentences: int) -> list[str]:
    """Of ner_dist.train, for what the peer does by itself."""
    values = {
        "data.shards": shards,
        "model.vectors": "ignore",
        "model.features": "[]",
        "model.word_units": 100,
        "model.char_units": 30,
        "model.char_type_units": 0,
        "model.char_filters": 30,
        "model.char_width": 3,
        "model.lstm_units": 200,
        "model.dropout_input": 0.5,
        "model.dropout_output": 0.5,
        "loss.likelihood": "sentence",
        "optimizer.name": "sgd",
        "optimizer.learning_rate": _RATE,
        "optimizer.clip_norm": _CLIP,
        "train.batch_sentences": batch_sentences,
        "train.seed": _SEED,
    }
    return [f"--{name}={value}" for name, value in values.items()]


def ours(shards: str, batch_sentences: int, threads: int) -> float:
    """Tokens/s of one process."""
    command = [sys.executable, "-m", "bench.speed.steps", "--config", "job/default.yaml"]
    return _tokens_per_second([*command, *knobs(shards, batch_sentences)], threads)


def peer(shards: str, batch_sentences: int, threads: int, lstm: str) -> float:
    """Tokens/s of one process; with several threads, the better of two ways in which they may wait."""
    numbers = {
        "batch-sentences": batch_sentences,
        "seed": _SEED,
        "warm-up-steps": steps.WARM_UP_STEPS,
        "timed-steps": steps.TIMED_STEPS,
    }
    words = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    command = peer_command("steps", "--shards", os.path.abspath(shards), "--lstm", lstm, *words)
    # Threads that wait busily are faster on cores that are free, and ruinous on others. Ours has chosen; this is tried.
    waits: list[dict[str, str]] = [{}, {"OMP_WAIT_POLICY": "PASSIVE"}] if threads > 1 else [{}]
    return max(_tokens_per_second(command, threads, wait) for wait in waits)


def require_agreement(shards: str, lstm: str) -> None:
    """Stop unless ours and the peer find the same loss, emissions and gradients for the first batch of an epoch."""
    settings, _ = config.parse(knobs(shards, 32))
    index = read_index(shards)
    size = num_words(settings.model, index), settings.model.word_units
    word_VD = np.random.default_rng(0).normal(0, 0.5, size).astype(np.float32)
    (batch,) = first_batches(settings, index, 1)
    difference = largest_difference(*outcomes(settings, index, word_VD, batch, lstm))
    assert difference < _AGREE, f"ours and the peer differ by {difference:.1g}"
    print(f"training, {lstm}: losses, emissions and gradients agree to {difference:.1g}", flush=True)


def first_batches(settings: Config, index: Index, num_steps: int) -> list[Batch]:
    """Of the first epoch, as one rank has them; fewer if the epoch is shorter."""
    entries = index.splits["train"]
    side = settings.model.char_width // 2
    words = num_words(settings.model, index)
    sentences = ShardReader(settings.data.shards, index, "train", list(range(len(entries))), side, words)
    rows_SB = np.array([shard.rows for shard in entries], np.int64)
    plan = epoch_steps(rows_SB, settings.train.batch_sentences, settings.train.seed, epoch=0, num_ranks=1, rank=0)
    batches = [sentences.step_batch(step) for step in itertools.islice(plan, num_steps)]
    return [batch for batch in batches if batch is not None]


def _tokens_per_second(command: list[str], threads: int, variables: dict[str, str] | None = None) -> float:
    """Of a child's training steps, on as many cores as threads: one alone would let MXNet's engine use a second."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **(variables or {})}
    pinned = ["taskset", "-c", f"0-{threads - 1}", *command]
    output = subprocess.run(pinned, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if '"tokens_per_second"' in line)
    return float(json.loads(line)["tokens_per_second"])


def _cores(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)} and core{'s' * (threads > 1)}"
