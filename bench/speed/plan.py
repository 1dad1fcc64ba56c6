"""A rank's plan of an epoch at the scale of a cluster, without data: seconds, megabytes and balance."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.speed.measurement import BenchOptions, Measurement, alternate, seconds
from ner_dist.contract.shard_format import read_index
from ner_dist.data.step_plan import epoch_steps, owned_shards

_SENTENCES, _SHARDS, _RANKS = 10**9, 4096, 1024
# Per rank the default of one rank alone.
_BATCH = 32 * _RANKS
# Sentences, shards and ranks for which a plan that holds everything fits into this machine, too.
_SMALL = 4 * 10**6, 64, 16


def plan(options: BenchOptions) -> Iterator[Measurement]:
    """A rank's whole epoch, resuming in its middle, the balance of tokens over ranks, and a plan that is not lazy."""
    index = read_index(options.shards)
    tables = [pq.read_table(Path(options.shards) / file.path, columns=["length"]) for file in index.splits["train"]]
    length_R, edges = np.concatenate([table["length"].to_numpy() for table in tables]), index.bucket_edges
    rows_SB = _dealt(length_R, edges, _SENTENCES, _SHARDS)

    epoch = partial(_whole_epoch, rows_SB, _RANKS)
    num_steps = sum(1 for _ in epoch_steps(rows_SB, _BATCH, 1, 0, _RANKS, 5))
    name = f"plan of a rank of {_RANKS:,}, {_SENTENCES:.0e} sentences, {_SHARDS:,} shards"
    took_s, resumed_s = alternate(
        options.repeats,
        lambda: seconds(epoch),
        lambda: seconds(lambda: next(epoch_steps(rows_SB, _BATCH, 1, 0, _RANKS, 5, num_steps // 2))),
    )
    yield Measurement(f"{name}, an epoch", took_s, 1, "s")
    yield Measurement(f"{name}, memory", _peak_mb(epoch), 1, "MB")
    yield Measurement(f"{name}, to resume in the middle", resumed_s, 1, "s")
    spread = _spread(length_R, edges, rows_SB)
    yield Measurement(f"tokens of {_RANKS:,} ranks, (most - fewest) / mean", 100 * spread, 1, "%")

    num_sentences, num_shards, num_ranks = _SMALL
    rows_SB = _dealt(length_R, edges, num_sentences, num_shards)
    ours, theirs = partial(_whole_epoch, rows_SB, num_ranks), partial(eager, rows_SB, 32 * num_ranks, num_ranks, 5)
    ours_s, theirs_s = alternate(options.repeats, lambda: seconds(ours), lambda: seconds(theirs))
    name = f"{num_sentences:.0e} sentences, {num_shards} shards, {num_ranks} ranks"
    yield Measurement(f"eager plan / ours, {name}, time", theirs_s, ours_s, "s")
    yield Measurement(f"eager plan / ours, {name}, memory", _peak_mb(theirs), _peak_mb(ours), "MB")


def _whole_epoch(rows_SB: np.ndarray, num_ranks: int) -> None:
    deque(epoch_steps(rows_SB, 32 * num_ranks, 1, 0, num_ranks, 5), maxlen=0)


def eager(rows_SB: np.ndarray, batch_sentences: int, num_ranks: int, rank: int) -> list[np.ndarray]:
    """The obvious plan: all ranks' steps with (shard, row) of each sentence, then this rank's part of each."""
    rng, steps = np.random.default_rng(0), []
    for rows_S in rows_SB.T:
        shard = np.repeat(np.arange(len(rows_S)), rows_S)
        row_in_shard = np.arange(len(shard)) - np.repeat(np.cumsum(rows_S) - rows_S, rows_S)
        shuffled = np.concatenate([rng.permutation(rows) for rows in rows_S])
        order = np.lexsort((shard, row_in_shard))
        for begin in range(0, len(order), batch_sentences):
            taken = order[begin : begin + batch_sentences]
            steps.append(np.stack([shard[taken], shuffled[taken]]))
    shuffled_steps = [steps[i] for i in rng.permutation(len(steps))]
    return [step[:, step[0] % num_ranks == rank] for step in shuffled_steps]


def _dealt(length_R: np.ndarray, edges: list[int], num_sentences: int, num_shards: int) -> np.ndarray:
    """Sentences of each shard in each bucket, (S, B), if sentences of these lengths were dealt as data_prep does."""
    share_B = np.bincount(np.searchsorted(edges, length_R), minlength=len(edges)) / len(length_R)
    # Dealing continues across buckets.
    ends_B = np.round(np.cumsum(share_B) * num_sentences).astype(np.int64)
    dealt_SB = (ends_B - np.arange(num_shards)[:, None] + num_shards - 1) // num_shards
    return np.diff(dealt_SB, prepend=0)


def _spread(length_R: np.ndarray, edges: list[int], rows_SB: np.ndarray) -> float:
    """(most - fewest) / mean of the ranks' tokens, if the lengths within a bucket are random."""
    rng, tokens_S = np.random.default_rng(0), np.zeros(len(rows_SB), np.int64)
    for bucket, rows_S in enumerate(rows_SB.T):
        length_D, count_D = np.unique(length_R[np.searchsorted(edges, length_R) == bucket], return_counts=True)
        if len(length_D):
            tokens_S += rng.multinomial(rows_S, count_D / count_D.sum()) @ length_D
    tokens = [tokens_S[owned_shards(_SHARDS, _RANKS, rank)].sum() for rank in range(_RANKS)]
    return float((max(tokens) - min(tokens)) / np.mean(tokens))


def _peak_mb(action: Callable[[], object]) -> float:
    """Peak of the memory that an action allocates, NumPy's arrays included."""
    tracemalloc.start()
    action()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak_bytes / 1e6
