"""An epoch in chapters, of which a rank holds one in memory at a time: which rows of the shards each of them holds.

Every chapter has an equal part of each bucket of each shard. The rows of a shard's bucket come as their row groups do,
in an order that the epoch shuffles, and a chapter takes the next rows of it: so it reads few row groups, and which
sentences come together is another matter in every epoch. Nothing here depends on the number of ranks.

Axes: S shards, B buckets, G row groups of one shard's bucket.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index, id_dtype

# Separates the random streams that one (seed, epoch, chapter) feeds.
_NUM_STREAMS = 4
STEP_ORDER, ROW_ORDER, GROUP_ORDER, GROUP_CUT = range(_NUM_STREAMS)

# What a sentence takes in memory beside its tokens: length, id, place of its first token, place in its bucket.
_SENTENCE_BYTES = 4 * 8


class Piece(NamedTuple):
    """What a chapter has of a row group."""

    group: int
    # Which of its rows, rising; None if all.
    rows: np.ndarray | None
    num_rows: int


def generator(seed: int, epoch: int, chapter: int, stream: int, *place: int) -> np.random.Generator:
    return np.random.default_rng([seed, epoch, chapter * _NUM_STREAMS + stream, *place])


def num_chapters(index: Index, split: str, memory_mb: float) -> int:
    """The fewest chapters whose part of the largest shard takes memory_mb megabytes on average; 1 if that is 0.

    split: one, or train+dev. Counted are the arrays of sentences and tokens; distinct spellings come on top.
    """
    if not memory_mb:
        return 1
    # Word and form, then tag and features.
    token_bytes = 4 + 4 + sum(id_dtype(n).itemsize for n in (index.num_tags, *(f.num_values for f in index.features)))
    shards = zip(*(index.splits[part] for part in split.split("+")))
    bytes_S = [sum(token_bytes * sum(f.tokens) + _SENTENCE_BYTES * sum(f.rows) for f in files) for files in shards]
    return max(1, int(-(-max(bytes_S) // (memory_mb * 2**20))))


def chapter_rows(rows: np.ndarray, chapters: int, chapter: int) -> np.ndarray:
    """How many of so many rows of shards' buckets, int (S, B), the chapter has."""
    return rows * (chapter + 1) // chapters - rows * chapter // chapters


def chapter_pieces(
    rows_G: np.ndarray, chapters: int, chapter: int, seed: int, epoch: int, shard: int, bucket: int
) -> list[Piece]:
    """What a chapter has of the row groups of a shard's bucket, in the order of the file.

    rows_G: int (G,), rows of each row group. Over all chapters of an epoch each row comes once.
    """
    total = int(rows_G.sum())
    begin, end = total * chapter // chapters, total * (chapter + 1) // chapters
    order_G = generator(seed, epoch, 0, GROUP_ORDER, shard, bucket).permutation(len(rows_G))
    sizes_G = rows_G[order_G]
    first_G = np.cumsum(sizes_G) - sizes_G
    # What lies between begin and end, counted from the beginning of each row group.
    low_G, high_G = np.maximum(begin - first_G, 0), np.minimum(end - first_G, sizes_G)
    pieces = []
    for place in np.flatnonzero(low_G < high_G).tolist():
        group, size, low, high = (int(values[place]) for values in (order_G, sizes_G, low_G, high_G))
        rows = None
        if high - low < size:
            # Chapters that share a row group draw their rows of it by lot.
            rows = np.sort(generator(seed, epoch, 0, GROUP_CUT, shard, bucket, group).permutation(size)[low:high])
        pieces.append(Piece(group, rows, high - low))
    return sorted(pieces, key=lambda piece: piece.group)
