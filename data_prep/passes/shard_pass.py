"""Third pass: tagged sentences -> the order of the shards, on disk; memory does not grow with the corpus.

A cell holds the sentences of one bucket in one shard of one split. Cells lie in two files in the order of splits,
shards and buckets, so a shard is one contiguous range. Axes: S splits, H shards per split, B buckets, C cells,
G groups (a bucket of a split).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.passes.buckets import bucket_ids
from data_prep.passes.chunk_file import read_fields
from data_prep.passes.tag_pass import TaggedChunk, TaggedCorpus
from data_prep.sentences.block import ragged_positions
from ner_dist.contract.shard_format import id_dtype

SENTENCE = np.dtype(
    [
        ("sentence_id", np.int64),
        ("length", np.int32),
        ("source", np.int32),
        ("line", np.int64),
        ("document", np.int64),
        ("recut", np.bool_),
        ("origin_place", np.int64),
        ("origin_size", np.int32),
    ]
)


class ShardCells(NamedTuple):
    """The files of all cells, with one record per sentence and one per token, and the cells' sizes.

    The S splits are followed by their raw sentences, if there are any: split S + s has those of split s.
    """

    splits: list[str]
    edges: list[int]
    sentence_path: Path
    token_path: Path
    # Fields: token, id of a distinct string; tag, BILOU id; and each feature's, named by its number.
    token_dtype: np.dtype
    rows_SHB: np.ndarray
    tokens_SHB: np.ndarray


class ShardSentences(NamedTuple):
    """N sentences of M tokens: ids of distinct tokens, BILOU ids, ids of the values of each feature."""

    token_M: np.ndarray
    tag_M: np.ndarray
    feature_FM: list[np.ndarray]
    # A record of SENTENCE for each; sentence_id is the position in the split.
    sentence_N: np.ndarray

    @property
    def length_N(self) -> np.ndarray:
        return self.sentence_N["length"]


def raw_name(split: str) -> str:
    """What the files of a split's raw sentences are called."""
    return f"{split}-raw"


def _chunks_with_cells(
    tagged: TaggedCorpus, rows_SB: np.ndarray, edges: list[int], num_shards: int
) -> Iterator[tuple[TaggedChunk, np.ndarray]]:
    """The chunks of the second pass, and the cells of their sentences, int64 (N,).

    The sentences of a bucket go to the shards in turn. Turns continue across the buckets of a split, so that the
    shards' totals differ by at most one.
    """
    # The shard of a group's next sentence.
    next_G = (np.cumsum(rows_SB, 1) - rows_SB).ravel() % num_shards
    for chunk in read_fields(tagged.path, TaggedChunk):
        bucket_N = bucket_ids(chunk.length_N, edges)
        group_N = chunk.split_N * len(edges) + bucket_N
        shard_N = (next_G[group_N] + _num_before(group_N)) % num_shards
        next_G = (next_G + np.bincount(group_N, minlength=len(next_G))) % num_shards
        yield chunk, (chunk.split_N * num_shards + shard_N) * len(edges) + bucket_N


def _num_before(group_N: np.ndarray) -> np.ndarray:
    """For each element, the number of earlier ones of the same group."""
    order = np.argsort(group_N, kind="stable")
    count_G = np.bincount(group_N)
    before_N = np.empty(len(group_N), np.int64)
    before_N[order] = np.arange(len(group_N)) - np.repeat(np.cumsum(count_G) - count_G, count_G)
    return before_N


def deal_to_shards(tagged: TaggedCorpus, directory: Path, edges: list[int], num_shards: int) -> ShardCells:
    """Sort the sentences into their cells, in corpus order within each cell."""
    splits = [*tagged.splits, *(raw_name(split) for split in tagged.splits if tagged.raw_SL.any())]
    rows_SB = np.concatenate([_rows_of_buckets(lengths_SL, edges) for lengths_SL in (tagged.length_SL, tagged.raw_SL)])[
        : len(splits)
    ]

    # Two passes over the corpus: one for the sizes of the cells, one to write each sentence to its place.
    shape = (len(splits), num_shards, len(edges))
    rows_C, tokens_C = np.zeros((2, math.prod(shape)), np.int64)
    for chunk, cell_N in _chunks_with_cells(tagged, rows_SB, edges, num_shards):
        rows_C += np.bincount(cell_N, minlength=len(rows_C))
        tokens_C += np.bincount(cell_N, chunk.length_N, len(rows_C)).astype(np.int64)

    features = [(str(i), id_dtype(counts.shape[1])) for i, counts in enumerate(tagged.features.values())]
    token_dtype = np.dtype([("token", np.int32), ("tag", id_dtype(tagged.tag_SK.shape[1])), *features])
    cells = ShardCells(
        splits=splits,
        edges=edges,
        sentence_path=directory / "sentences",
        token_path=directory / "tokens",
        token_dtype=token_dtype,
        rows_SHB=rows_C.reshape(shape),
        tokens_SHB=tokens_C.reshape(shape),
    )
    _write_cells(_chunks_with_cells(tagged, rows_SB, edges, num_shards), cells)
    return cells


def _rows_of_buckets(length_SL: np.ndarray, edges: list[int]) -> np.ndarray:
    """Sentences of each split in each bucket, int64 (S, B)."""
    bucket_L = bucket_ids(np.arange(length_SL.shape[1]), edges)
    return np.stack([np.bincount(bucket_L, rows_L, len(edges)) for rows_L in length_SL]).astype(np.int64)


def _write_runs(file: BinaryIO, records_M: np.ndarray, place_C: np.ndarray, size_C: np.ndarray) -> None:
    """Write the first size_C[0] records at place_C[0], the next size_C[1] at place_C[1], and so on."""
    data, descriptor, begin = memoryview(records_M.tobytes()), file.fileno(), 0
    filled = np.flatnonzero(size_C)
    places, sizes = ((values_C[filled] * records_M.itemsize).tolist() for values_C in (place_C, size_C))
    for place, size in zip(places, sizes):
        end = begin + size
        # A single call may write only a part, for example just before the disk is full.
        while begin < end:
            written = os.pwrite(descriptor, data[begin:end], place)
            begin, place = begin + written, place + written


def _write_cells(chunks: Iterator[tuple[TaggedChunk, np.ndarray]], cells: ShardCells) -> None:
    # The next free record of each cell, counted from the beginning of the file.
    row_C, token_C = (np.cumsum(sizes) - sizes.ravel() for sizes in (cells.rows_SHB, cells.tokens_SHB))
    next_id_S = np.zeros(len(cells.splits), np.int64)
    with open(cells.sentence_path, "wb") as sentence_file, open(cells.token_path, "wb") as token_file:
        for chunk, cell_N in chunks:
            length_N, split_N = chunk.length_N, chunk.split_N
            sentences_N = np.zeros(len(length_N), SENTENCE)
            sentences_N["sentence_id"] = next_id_S[split_N] + _num_before(split_N)
            sentences_N["source"] = chunk.source[0]
            for field in ("length", "line", "document", "recut", "origin_place", "origin_size"):
                values_N = getattr(chunk, f"{field}_N")
                if len(values_N):
                    sentences_N[field] = values_N
            next_id_S += np.bincount(split_N, minlength=len(next_id_S))
            tokens_M = np.zeros(len(chunk.token_M), cells.token_dtype)
            tokens_M["token"], tokens_M["tag"] = chunk.token_M, chunk.tag_M
            for i, feature_M in enumerate(chunk.feature_FM):
                tokens_M[str(i)] = feature_M

            order_N = np.argsort(cell_N, kind="stable")
            begin_N = np.cumsum(length_N, dtype=np.int64) - length_N
            # Records in the order of cells; the tokens of a sentence stay together.
            sentences_N = sentences_N[order_N]
            tokens_M = tokens_M[ragged_positions(begin_N[order_N], length_N[order_N])]
            rows_C = np.bincount(cell_N, minlength=len(row_C))
            tokens_C = np.bincount(cell_N, length_N, len(row_C)).astype(np.int64)
            _write_runs(sentence_file, sentences_N, row_C, rows_C)
            _write_runs(token_file, tokens_M, token_C, tokens_C)
            row_C += rows_C
            token_C += tokens_C


def read_shard(cells: ShardCells, split_id: int, shard: int, max_tokens: int) -> Iterator[ShardSentences]:
    """The sentences of a shard, by bucket and in corpus order, in pieces of at most `max_tokens` tokens.

    A longer sentence is a piece of its own.
    """
    first_cell = int(np.ravel_multi_index((split_id, shard, 0), cells.rows_SHB.shape))
    row, token = (int(sizes.ravel()[:first_cell].sum()) for sizes in (cells.rows_SHB, cells.tokens_SHB))
    end = row + int(cells.rows_SHB[split_id, shard].sum())
    while row < end:
        # Sentences have at least one token, so a piece has at most max_tokens sentences.
        num_rows = min(end - row, max_tokens)
        sentences_N = np.fromfile(cells.sentence_path, SENTENCE, num_rows, offset=row * SENTENCE.itemsize)
        ends_N = np.cumsum(sentences_N["length"], dtype=np.int64)
        num_rows = max(1, int(np.searchsorted(ends_N, max_tokens, side="right")))
        num_tokens, dtype = int(ends_N[num_rows - 1]), cells.token_dtype
        tokens_M = np.fromfile(cells.token_path, dtype, num_tokens, offset=token * dtype.itemsize)
        # Copies, because fields of packed records are not aligned.
        token_M, tag_M, *feature_FM = (tokens_M[name].copy() for name in dtype.names or ())
        yield ShardSentences(token_M, tag_M, feature_FM, sentences_N[:num_rows])
        row, token = row + num_rows, token + len(tokens_M)


def parts_of(sentences: ShardSentences, max_tokens: int) -> Iterator[ShardSentences]:
    """The same sentences in parts of at most `max_tokens` tokens; a longer sentence is a part of its own."""
    ends_N, first, begin = np.cumsum(sentences.length_N, dtype=np.int64), 0, 0
    while first < len(ends_N):
        last = max(first + 1, int(np.searchsorted(ends_N, begin + max_tokens, side="right")))
        end = int(ends_N[last - 1])
        features = [feature_M[begin:end] for feature_M in sentences.feature_FM]
        yield ShardSentences(
            sentences.token_M[begin:end], sentences.tag_M[begin:end], features, sentences.sentence_N[first:last]
        )
        first, begin = last, end
