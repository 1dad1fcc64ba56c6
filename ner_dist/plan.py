"""Which sentences each rank trains on at each step: a pure function of (geometry, seed, epoch, rank).

A step takes the next `batch_sentences` sentences of one bucket, dealt round-robin from all shards, so the
global batch does not depend on the number of ranks; rank r of N takes the part that lies in its shards
r, r + N, r + 2N, ... Every rank makes the same number of steps, with an empty part where it has none.

Axes: S shards, B buckets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ner_dist.errors import UserError

# Separates the random streams that one (seed, epoch) feeds.
_STEP_ORDER, _ROW_ORDER = 0, 1


class Step(NamedTuple):
    """One rank's part of one global update."""

    step_id: int
    bucket_id: int
    # Sentences of the whole step, over all ranks.
    num_sentences: int
    # (shard, rows within that shard's bucket) of this rank; may be empty.
    parts: list[tuple[int, np.ndarray]]


def owned_shards(num_shards: int, num_ranks: int, rank: int) -> list[int]:
    """The shards rank reads. Raises UserError when some rank would have none."""
    if num_ranks > num_shards:
        raise UserError(
            f"{num_ranks} ranks but only {num_shards} shards, and a rank needs at least one; "
            f"start at most {num_shards} ranks or rebuild with --num-shards {num_ranks} or more"
        )
    return list(range(rank, num_shards, num_ranks))


def steps_per_epoch(rows_SB: np.ndarray, batch_sentences: int) -> int:
    return int(_steps_of_buckets(rows_SB, batch_sentences).sum())


def epoch_steps(
    rows_SB: np.ndarray, batch_sentences: int, seed: int, epoch: int, num_ranks: int, rank: int, first_step: int = 0
) -> Iterator[Step]:
    """This rank's steps of one epoch, from first_step on.

    rows_SB: int (S, B), sentences of each shard in each bucket. Every sentence comes once an epoch.
    """
    steps_B = _steps_of_buckets(rows_SB, batch_sentences)
    bucket_of_slot = np.repeat(np.arange(len(steps_B)), steps_B)
    slot_in_bucket = np.arange(len(bucket_of_slot)) - np.repeat(np.cumsum(steps_B) - steps_B, steps_B)
    order = np.random.default_rng([seed, epoch, _STEP_ORDER]).permutation(len(bucket_of_slot))
    shards = owned_shards(rows_SB.shape[0], num_ranks, rank)
    rows_of: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    for step_id in range(first_step, len(order)):
        bucket_id, slot = int(bucket_of_slot[order[step_id]]), int(slot_in_bucket[order[step_id]])
        parts = []
        for shard in shards:
            if (shard, bucket_id) not in rows_of:
                rows = np.random.default_rng([seed, epoch, _ROW_ORDER, shard, bucket_id]).permutation(
                    rows_SB[shard, bucket_id]
                )
                edges = np.arange(steps_B[bucket_id] + 1) * batch_sentences
                rows_of[shard, bucket_id] = rows, np.searchsorted(_positions(rows_SB[:, bucket_id], shard), edges)
            rows, cuts = rows_of[shard, bucket_id]
            if cuts[slot] < cuts[slot + 1]:
                parts.append((shard, rows[cuts[slot] : cuts[slot + 1]]))
        taken = min(batch_sentences, int(rows_SB[:, bucket_id].sum()) - slot * batch_sentences)
        yield Step(step_id, bucket_id, taken, parts)


def _steps_of_buckets(rows_SB: np.ndarray, batch_sentences: int) -> np.ndarray:
    return -(-rows_SB.sum(axis=0) // batch_sentences)


def _positions(rows_S: np.ndarray, shard: int) -> np.ndarray:
    """Where the rows of a shard stand in its bucket's round-robin order over all shards, rising.

    Row j of shard s comes after rows 0 .. j - 1 of every shard and after row j of the shards before s.
    """
    row = np.arange(rows_S[shard])
    counts = np.sort(rows_S)
    # sum over shards of min(rows, j): finished shards give all their rows, the others j.
    finished = np.searchsorted(counts, row, side="right")
    before_round = np.concatenate(([0], np.cumsum(counts)))[finished] + row * (len(counts) - finished)
    earlier = np.sort(rows_S[:shard])
    in_round = shard - np.searchsorted(earlier, row, side="right")
    return before_round + in_round
