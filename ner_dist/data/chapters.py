"""Which rows of the shards belong to each chapter, the part of an epoch's sentences that is in memory at once.

Every chapter has an equal part of each bucket of each shard. An epoch shuffles the row groups of a shard's bucket, and
each chapter takes the next rows in that order. So a chapter reads few row groups, and every epoch combines other
sentences. Nothing here depends on the number of ranks. Shards that fit into memory are one chapter.

Axes: S shards, B buckets, G row groups of one shard's bucket.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index, id_dtype

# The random streams of one (seed, epoch, chapter).
_NUM_STREAMS = 4
STEP_ORDER, ROW_ORDER, GROUP_ORDER, GROUP_CUT = range(_NUM_STREAMS)

# Memory of a sentence besides its tokens: length, id, offset of its first token, position in its bucket.
_SENTENCE_BYTES = 4 * 8


class RowSelection(NamedTuple):
    """The rows of one row group that belong to a chapter."""

    group: int
    # Rows within the group, ascending; None for all.
    rows: np.ndarray | None
    num_rows: int


def generator(seed: int, epoch: int, chapter: int, stream: int, *place: int) -> np.random.Generator:
    return np.random.default_rng([seed, epoch, chapter * _NUM_STREAMS + stream, *place])


def num_chapters(index: Index, split: str, memory_mb: float) -> int:
    """The fewest chapters of which the largest shard's part takes memory_mb megabytes on average; 1 if that is 0.

    split: a split, or train+dev. Counts the arrays of sentences and tokens; distinct spellings come on top.
    """
    if not memory_mb:
        return 1
    # Word and spelling, then tag and features.
    token_bytes = 4 + 4 + sum(id_dtype(n).itemsize for n in (index.num_tags, *(f.num_values for f in index.features)))
    shards = zip(*(index.splits[part] for part in split.split("+")))
    bytes_S = [sum(token_bytes * sum(f.tokens) + _SENTENCE_BYTES * sum(f.rows) for f in files) for files in shards]
    return max(1, int(-(-max(bytes_S) // (memory_mb * 2**20))))


def num_chapter_rows(rows: np.ndarray, chapters: int, chapter: int) -> np.ndarray:
    """How many rows of each shard's bucket a chapter has; rows: int (S, B), all of them."""
    return rows * (chapter + 1) // chapters - rows * chapter // chapters


def chapter_selections(
    rows_G: np.ndarray, chapters: int, chapter: int, seed: int, epoch: int, shard: int, bucket: int
) -> list[RowSelection]:
    """A chapter's rows of a shard's bucket, in file order; rows_G: int, rows of each row group.

    Over all chapters of an epoch each row is selected once.
    """
    total = int(rows_G.sum())
    begin, end = total * chapter // chapters, total * (chapter + 1) // chapters
    selections, first = [], 0
    for group in generator(seed, epoch, 0, GROUP_ORDER, shard, bucket).permutation(len(rows_G)).tolist():
        size = int(rows_G[group])
        # The interval from begin to end, relative to the first row of the group.
        low, high = max(begin - first, 0), min(end - first, size)
        first += size
        if low < high:
            rows = None
            if high - low < size:
                # Chapters that share a row group divide its rows at random.
                rows = np.sort(generator(seed, epoch, 0, GROUP_CUT, shard, bucket, group).permutation(size)[low:high])
            selections.append(RowSelection(group, rows, high - low))
    return sorted(selections, key=lambda selection: selection.group)
