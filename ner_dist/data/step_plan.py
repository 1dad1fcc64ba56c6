"""Which sentences each rank trains on at each step: a pure function of (geometry, seed, epoch, rank).

A step takes the next `batch_sentences` sentences of one bucket of a chapter, round-robin from all shards, so the global
batch does not depend on the number of ranks. Rank r of N takes the part in its own shards r, r + N, r + 2N, ... Every
rank makes the same number of steps; some of its parts may be empty. A rank's work and memory grow with its own
sentences in a chapter, not with those of other ranks. Axes: S shards, B buckets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ner_dist.data.chapters import ROW_ORDER, STEP_ORDER, generator, num_chapter_rows
from ner_dist.errors import UserError


class Step(NamedTuple):
    """One rank's part of one global update."""

    step_id: int
    bucket_id: int
    # Sentences of the whole step, over all ranks.
    num_sentences: int
    # This rank's (shard, rows); rows count within the chapter's rows of that shard's bucket. May be empty.
    parts: list[tuple[int, np.ndarray]]
    chapter: int = 0


def owned_shards(num_shards: int, num_ranks: int, rank: int) -> list[int]:
    """The shards that a rank reads. Raises UserError if some rank would have none."""
    if num_ranks > num_shards:
        raise UserError(
            f"{num_ranks} ranks but only {num_shards} shards, and a rank needs at least one; "
            f"start at most {num_shards} ranks or rebuild with --num-shards {num_ranks} or more"
        )
    return list(range(rank, num_shards, num_ranks))


def steps_per_epoch(rows_SB: np.ndarray, batch_sentences: int, chapters: int = 1) -> int:
    parts = (num_chapter_rows(rows_SB, chapters, chapter) for chapter in range(chapters))
    return sum(int(_steps_of_buckets(part_SB, batch_sentences).sum()) for part_SB in parts)


def epoch_steps(
    rows_SB: np.ndarray,
    batch_sentences: int,
    seed: int,
    epoch: int,
    num_ranks: int,
    rank: int,
    first_step: int = 0,
    chapters: int = 1,
) -> Iterator[Step]:
    """This rank's steps of one epoch, from first_step on, computed one by one.

    rows_SB: int, sentences of each shard in each bucket. Every sentence occurs once per epoch.
    """
    shards = np.array(owned_shards(rows_SB.shape[0], num_ranks, rank))
    begun = 0
    for chapter in range(chapters):
        part_SB = num_chapter_rows(rows_SB, chapters, chapter)
        num_steps = int(_steps_of_buckets(part_SB, batch_sentences).sum())
        skipped = max(0, first_step - begun)
        if skipped < num_steps:
            for step in _chapter_steps(part_SB, batch_sentences, (seed, epoch, chapter), shards, skipped):
                yield step._replace(step_id=begun + step.step_id)
        begun += num_steps


def _chapter_steps(
    rows_SB: np.ndarray, batch_sentences: int, place: tuple[int, int, int], shards: np.ndarray, first_step: int
) -> Iterator[Step]:
    """The steps of one chapter, numbered from 0. rows_SB: the chapter's; place: (seed, epoch, chapter)."""
    steps_B = _steps_of_buckets(rows_SB, batch_sentences)
    # Unshuffled: the steps of bucket 0, then those of bucket 1, ...
    first_B = np.cumsum(steps_B) - steps_B
    order = generator(*place, STEP_ORDER).permutation(int(steps_B.sum()))
    buckets = [_Bucket(rows_S, shards, place, bucket_id) for bucket_id, rows_S in enumerate(rows_SB.T)]
    for step_id in range(first_step, len(order)):
        bucket_id = int(np.searchsorted(first_B, order[step_id], side="right")) - 1
        begin = int(order[step_id] - first_B[bucket_id]) * batch_sentences
        end = min(begin + batch_sentences, buckets[bucket_id].num_rows)
        yield Step(step_id, bucket_id, end - begin, buckets[bucket_id].parts(begin, end), place[2])


class _Bucket:
    """A chapter's rows of one bucket in the order in which steps take them: round-robin from the shards.

    Row j of shard s follows rows 0 .. j - 1 of every shard and row j of the shards before s. A shard's rows are
    shuffled on first use.
    """

    def __init__(self, rows_S: np.ndarray, shards: np.ndarray, place: tuple[int, int, int], bucket_id: int) -> None:
        """shards: the rank's own; place: (seed, epoch, chapter)."""
        self.num_rows = int(rows_S.sum())
        self._rows_S, self._shards, self._place, self._bucket_id = rows_S, shards, place, bucket_id
        # Row counts in the order in which shards run out, and how many rows have been dealt by then.
        self._rising_S = np.sort(rows_S)
        self._finished_S = np.cumsum(self._rising_S) + self._rising_S * np.arange(len(rows_S))[::-1]
        self._shuffled: dict[int, np.ndarray] = {}

    def parts(self, begin: int, end: int) -> list[tuple[int, np.ndarray]]:
        """The own shards' rows among rows begin .. end - 1 of the bucket, for each shard that has any."""
        first, last = self._dealt(begin)[self._shards], self._dealt(end)[self._shards]
        taking = np.flatnonzero(first < last)
        places = zip(self._shards[taking].tolist(), first[taking].tolist(), last[taking].tolist())
        return [(shard, self._shuffle(shard)[low:high]) for shard, low, high in places]

    def _shuffle(self, shard: int) -> np.ndarray:
        if shard not in self._shuffled:
            shuffle = generator(*self._place, ROW_ORDER, shard, self._bucket_id)
            self._shuffled[shard] = shuffle.permutation(self._rows_S[shard])
        return self._shuffled[shard]

    def _dealt(self, number: int) -> np.ndarray:
        """How many rows of each shard, (S,), are among the bucket's first `number` rows."""
        num_finished = int(np.searchsorted(self._finished_S, number, side="right"))
        if num_finished == len(self._rows_S):
            return self._rows_S
        begun, rounds = 0, 0
        if num_finished:
            begun, rounds = int(self._finished_S[num_finished - 1]), int(self._rising_S[num_finished - 1])
        # Since the last shard ran out, each of the others has given one row per round.
        more, rest = divmod(number - begun, len(self._rows_S) - num_finished)
        active_S = self._rows_S > rounds + more
        return np.minimum(self._rows_S, rounds + more) + (active_S & (np.cumsum(active_S) <= rest))


def _steps_of_buckets(rows_SB: np.ndarray, batch_sentences: int) -> np.ndarray:
    return -(-rows_SB.sum(axis=0) // batch_sentences)
