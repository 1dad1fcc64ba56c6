"""Training steps against the PyTorch peer: tokens/s on the same sentences in the same order, with the same model.

bench/README.md describes the model, and what favours the peer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, alternate, child_json
from bench.speed.peer import compute_both, largest_difference, peer_command, torch_version
from bench.speed.step_speed import TIMED_STEPS, WARM_UP_STEPS
from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import open_split, train_rows
from ner_dist.data.step_plan import epoch_steps
from ner_dist.data.used_inputs import num_words

_BATCHES = (10, 32, 128)
# Of the peer: as in PyTorch's documentation, and as somebody writes it who has profiled it.
_LSTMS = ("packed", "mirrored")
# Relative to the largest number of each array, in float32.
_AGREE = 1e-4


def training(options: BenchOptions) -> Iterator[Measurement]:
    """Ours against the peer at each batch and number of threads, and ours at 32 against the peer at 10."""
    version = torch_version()
    if version is None:
        print("training: skipped, no PyTorch (see bench/README.md)")
        return
    for lstm in _LSTMS:
        require_agreement(options.shards, lstm)
    for threads in (1, 2):
        actions: dict[tuple[str, int], Callable[[], float]] = {}
        for batch in _BATCHES:
            actions["ours", batch] = partial(ours, options.shards, batch, threads)
            actions.update({(lstm, batch): partial(peer, options.shards, batch, threads, lstm) for lstm in _LSTMS})
        speed = dict(zip(actions, alternate(options.repeats, *actions.values())))
        for lstm in _LSTMS:
            for mine, yours in [*((batch, batch) for batch in _BATCHES), (32, 10)]:
                cores = f"{threads} thread{'s' * (threads > 1)} and core{'s' * (threads > 1)}"
                name = f"training, ours at {mine} / PyTorch {version} {lstm} at {yours}, {cores}"
                yield Measurement(name, speed["ours", mine], speed[lstm, yours], "tokens/s")


def knobs(shards: str, batch_sentences: int) -> list[str]:
    """Knobs of ner_dist.train that make the model that of the peer."""
    files = "job/default.yaml", str(Path(__file__).with_name("peer_model.yaml"))
    configs = [word for file in files for word in ("--config", file)]
    return [*configs, f"--data.shards={shards}", f"--train.batch_sentences={batch_sentences}"]


def ours(shards: str, batch_sentences: int, threads: int) -> float:
    """Tokens/s of one process, pinned to as many cores as threads."""
    found = child_json("bench.speed.step_speed", *knobs(shards, batch_sentences), threads=threads)
    return float(found["tokens_per_second"])


def peer(shards: str, batch_sentences: int, threads: int, lstm: str) -> float:
    """Tokens/s of one process; with several threads, the better of two ways in which they may wait."""
    steps = {"batch_sentences": batch_sentences, "warm_up_steps": WARM_UP_STEPS, "timed_steps": TIMED_STEPS}
    python, _, *words = peer_command("time_steps", shards=shards, lstm=lstm, seed=1, **steps)
    # Threads that wait actively are faster on free cores and ruinous on others. Ours has chosen; here both are tried.
    waits: list[dict[str, str]] = [{}, {"OMP_WAIT_POLICY": "PASSIVE"}] if threads > 1 else [{}]
    children = (child_json(*words, threads=threads, python=python, variables=wait) for wait in waits)
    return max(float(found["tokens_per_second"]) for found in children)


def require_agreement(shards: str, lstm: str) -> None:
    """Raise AssertionError unless ours and the peer compute the same from the first batch of an epoch."""
    settings, _ = config.parse(knobs(shards, 32))
    index = read_index(shards)
    size = num_words(settings.model, index), settings.model.word_units
    word_VD = np.random.default_rng(0).normal(0, 0.5, size).astype(np.float32)
    (batch,) = first_batches(settings, index, 1)
    difference = largest_difference(*compute_both(settings, index, word_VD, batch, lstm))
    assert difference < _AGREE, f"ours and the peer differ by {difference:.1g}"
    print(f"training, {lstm}: losses, emissions and gradients agree to {difference:.1g}", flush=True)


def first_batches(settings: Config, index: Index, num_steps: int) -> list[Batch]:
    """The first batches of training on one rank; fewer if the epoch is shorter."""
    reader, train = open_split(settings, index, "train", settings.data.shards, num_ranks=1, rank=0), settings.train
    rows_SB = train_rows(settings, index)
    plan = epoch_steps(rows_SB, train.batch_sentences, train.seed, epoch=0, num_ranks=1, rank=0)
    batches = [reader.step_batch(step) for step in itertools.islice(plan, num_steps)]
    return [batch for batch in batches if batch is not None]
