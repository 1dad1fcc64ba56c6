"""A rank's plan of an epoch at a scale that only a cluster trains at, without data: seconds, megabytes and balance."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bench.speed.rows import Options, Row, alternate, row, seconds
from ner_dist.contract.shard_format import read_index
from ner_dist.data.step_plan import epoch_steps, owned_shards

_SENTENCES, _SHARDS, _RANKS = 10**9, 4096, 1024
# As many a rank as one alone has by default.
_BATCH = 32 * _RANKS
# What a plan that holds everything can do here, too.
_SMALL = 4 * 10**6, 64, 16


def plan(options: Options) -> list[Row]:
    """A rank's whole epoch, resuming in its middle, how evenly tokens fall on ranks, and a plan that is not lazy."""
    length_R, edges = _lengths(options.shards)
    rows_SB = _dealt(length_R, edges, _SENTENCES, _SHARDS)

    def epoch() -> deque[Any]:
        return deque(epoch_steps(rows_SB, _BATCH, 1, 0, _RANKS, 5), maxlen=0)

    num_steps = sum(1 for _ in epoch_steps(rows_SB, _BATCH, 1, 0, _RANKS, 5))
    name = f"plan of a rank of {_RANKS:,}, {_SENTENCES:.0e} sentences, {_SHARDS:,} shards"
    took_s, resumed_s = alternate(
        options.repeats,
        lambda: seconds(epoch),
        lambda: seconds(lambda: next(epoch_steps(rows_SB, _BATCH, 1, 0, _RANKS, 5, num_steps // 2))),
    )
    peak_mb, spread = _peak_mb(epoch), _spread(length_R, edges, rows_SB)
    return [
        row(f"{name}, an epoch", took_s, took_s, 1, "s"),
        row(f"{name}, memory", peak_mb, peak_mb, 1, "MB"),
        row(f"{name}, to resume in the middle", resumed_s, resumed_s, 1, "s"),
        row(f"tokens of {_RANKS:,} ranks, (most - fewest) / mean", 100 * spread, 100 * spread, 1, "%"),
        *_against_eager(options, length_R, edges),
    ]


def _against_eager(options: Options, length_R: np.ndarray, edges: list[int]) -> list[Row]:
    num_sentences, num_shards, num_ranks = _SMALL
    rows_SB = _dealt(length_R, edges, num_sentences, num_shards)

    def ours() -> object:
        return deque(epoch_steps(rows_SB, 32 * num_ranks, 1, 0, num_ranks, 5), maxlen=0)

    def theirs() -> object:
        return eager(rows_SB, 32 * num_ranks, num_ranks, 5)

    ours_s, theirs_s = alternate(options.repeats, lambda: seconds(ours), lambda: seconds(theirs))
    ours_mb, theirs_mb = _peak_mb(ours), _peak_mb(theirs)
    name = f"{num_sentences:.0e} sentences, {num_shards} shards, {num_ranks} ranks"
    return [
        row(f"eager plan / ours, {name}, time", theirs_s / ours_s, theirs_s, ours_s, "s"),
        row(f"eager plan / ours, {name}, memory", theirs_mb / ours_mb, theirs_mb, ours_mb, "MB"),
    ]


def eager(rows_SB: np.ndarray, batch_sentences: int, num_ranks: int, rank: int) -> list[np.ndarray]:
    """What one writes first: the steps of all, (shard, row) of each sentence, then this rank's part of each."""
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


def _lengths(shards: str) -> tuple[np.ndarray, list[int]]:
    """Lengths of the training sentences, (R,), and the edges of their buckets."""
    index = read_index(shards)
    tables = [pq.read_table(Path(shards) / file.path, columns=["length"]) for file in index.splits["train"]]
    return np.concatenate([table["length"].to_numpy() for table in tables]), index.bucket_edges


def _dealt(length_R: np.ndarray, edges: list[int], num_sentences: int, num_shards: int) -> np.ndarray:
    """Sentences of each shard in each bucket, (S, B), if so many of these lengths were dealt as data_prep does."""
    share_B = np.bincount(np.searchsorted(edges, length_R), minlength=len(edges)) / len(length_R)
    # Dealing goes on across buckets.
    ends_B = np.round(np.cumsum(share_B) * num_sentences).astype(np.int64)
    dealt_SB = (ends_B - np.arange(num_shards)[:, None] + num_shards - 1) // num_shards
    return np.diff(dealt_SB, prepend=0)


def _spread(length_R: np.ndarray, edges: list[int], rows_SB: np.ndarray) -> float:
    """(most - fewest) / mean of the tokens of ranks, if lengths fall on sentences by chance within a bucket."""
    rng, tokens_S = np.random.default_rng(0), np.zeros(len(rows_SB), np.int64)
    for bucket, rows_S in enumerate(rows_SB.T):
        length_D, count_D = np.unique(length_R[np.searchsorted(edges, length_R) == bucket], return_counts=True)
        if len(length_D):
            tokens_S += rng.multinomial(rows_S, count_D / count_D.sum()) @ length_D
    tokens = [tokens_S[owned_shards(_SHARDS, _RANKS, rank)].sum() for rank in range(_RANKS)]
    return float((max(tokens) - min(tokens)) / np.mean(tokens))


def _peak_mb(action: Callable[[], object]) -> float:
    """The most memory that it allocates at once, numpy's arrays included."""
    tracemalloc.start()
    action()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak_bytes / 1e6
