"""Third pass: resolved sentences -> the order of the shards, on disk; memory does not grow.

A cell holds the sentences of one bucket in one shard of one split. Cells lie in two files in the order of splits,
shards and buckets, so a shard is read from end to end. Axes: S splits, H shards of a split, B buckets, C cells.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.formats.block import ragged_positions
from data_prep.passes.buckets import bucket_ids
from data_prep.passes.chunk_file import read_chunks
from data_prep.passes.tag_pass import NUM_ARRAYS, Resolved
from ner_dist.contract.shard_format import id_dtype

SENTENCE = np.dtype([("sentence_id", np.int64), ("length", np.int32)])


class Dealt(NamedTuple):
    """The files of all cells, one record a sentence and one a token, and the cells' sizes."""

    sentence_path: Path
    token_path: Path
    # Fields: token, number of a distinct string; tag, BILOU id; pos, number of a part of speech.
    token_dtype: np.dtype
    rows_SHB: np.ndarray
    tokens_SHB: np.ndarray


class ShardReader(NamedTuple):
    """N sentences of M tokens: numbers of distinct tokens, BILOU ids, numbers of POS; position in the split."""

    token_M: np.ndarray
    tag_M: np.ndarray
    # All 0 if the corpus has no parts of speech.
    pos_M: np.ndarray
    length_N: np.ndarray
    sentence_id_N: np.ndarray


class _Dealer:
    """Which cell the sentences belong to: the k-th of a bucket to the k-th next shard."""

    def __init__(self, rows_SB: np.ndarray, edges: list[int], num_shards: int):
        self.edges, self.num_shards, self.num_buckets = edges, num_shards, len(edges)
        # The shard that gets a bucket's next sentence: dealing goes on across buckets, so totals differ by at most one.
        self.next_G = (np.cumsum(rows_SB, 1) - rows_SB).ravel() % num_shards

    def cells(self, length_N: np.ndarray, split_N: np.ndarray) -> np.ndarray:
        """Cells of the next sentences of the corpus: int64 (N,)."""
        bucket_N = bucket_ids(length_N, self.edges)
        # Group: a bucket of a split.
        group_N = split_N * self.num_buckets + bucket_N
        shard_N = (self.next_G[group_N] + _ranks(group_N)) % self.num_shards
        self.next_G = (self.next_G + np.bincount(group_N, minlength=len(self.next_G))) % self.num_shards
        return (split_N * self.num_shards + shard_N) * self.num_buckets + bucket_N


def _ranks(group_N: np.ndarray) -> np.ndarray:
    """How many earlier ones are of the same group, for each."""
    order = np.argsort(group_N, kind="stable")
    count_G = np.bincount(group_N)
    rank_N = np.empty(len(group_N), np.int64)
    rank_N[order] = np.arange(len(group_N)) - np.repeat(np.cumsum(count_G) - count_G, count_G)
    return rank_N


def deal(resolved: Resolved, directory: Path, edges: list[int], num_shards: int) -> Dealt:
    """Sort the resolved sentences into their cells, in corpus order within each."""
    num_splits = len(resolved.splits)
    bucket_L = bucket_ids(np.arange(resolved.length_SL.shape[1]), edges)
    rows_SB = np.stack([np.bincount(bucket_L, rows_L, len(edges)) for rows_L in resolved.length_SL]).astype(np.int64)

    # Twice over the corpus: once for the sizes of the cells, once to put each sentence in its place.
    dealer = _Dealer(rows_SB, edges, num_shards)
    rows_C, tokens_C = np.zeros((2, num_splits * num_shards * len(edges)), np.int64)
    for _, _, _, length_N, split_N in read_chunks(resolved.path, NUM_ARRAYS):
        cell_N = dealer.cells(length_N, split_N)
        rows_C += np.bincount(cell_N, minlength=len(rows_C))
        tokens_C += np.bincount(cell_N, length_N, len(rows_C)).astype(np.int64)

    shape = (num_splits, num_shards, len(edges))
    tag_dtype, pos_dtype = id_dtype(resolved.tag_SK.shape[1]), id_dtype(resolved.pos_SP.shape[1])
    token_dtype = np.dtype([("token", np.int32), ("tag", tag_dtype), ("pos", pos_dtype)])
    dealt = Dealt(
        directory / "sentences", directory / "tokens", token_dtype, rows_C.reshape(shape), tokens_C.reshape(shape)
    )
    _place(resolved, dealt, _Dealer(rows_SB, edges, num_shards))
    return dealt


def _write_runs(file: BinaryIO, records_M: np.ndarray, place_C: np.ndarray, size_C: np.ndarray) -> None:
    """Write the first size_C[0] records at place_C[0], the next size_C[1] at place_C[1], and so on."""
    data, number, begin = memoryview(records_M.tobytes()), file.fileno(), 0
    filled = np.flatnonzero(size_C)
    places, sizes = ((values_C[filled] * records_M.itemsize).tolist() for values_C in (place_C, size_C))
    for place, size in zip(places, sizes):
        _write_at(number, data[begin : begin + size], place)
        begin += size


def _write_at(number: int, data: memoryview, place: int) -> None:
    # A write may be short, such as the last one before a disk is full.
    while data:
        written = os.pwrite(number, data, place)
        data, place = data[written:], place + written


def _place(resolved: Resolved, dealt: Dealt, dealer: _Dealer) -> None:
    # The next free record of each cell, counted from the beginning of the file.
    row_C, token_C = (np.cumsum(sizes) - sizes.ravel() for sizes in (dealt.rows_SHB, dealt.tokens_SHB))
    next_id_S = np.zeros(len(resolved.splits), np.int64)
    with open(dealt.sentence_path, "wb") as sentence_file, open(dealt.token_path, "wb") as token_file:
        for token_M, tag_M, pos_M, length_N, split_N in read_chunks(resolved.path, NUM_ARRAYS):
            sentences_N = np.empty(len(length_N), SENTENCE)
            sentences_N["sentence_id"] = next_id_S[split_N] + _ranks(split_N)
            sentences_N["length"] = length_N
            next_id_S += np.bincount(split_N, minlength=len(next_id_S))
            tokens_M = np.zeros(len(token_M), dealt.token_dtype)
            tokens_M["token"], tokens_M["tag"] = token_M, tag_M
            if len(pos_M):
                tokens_M["pos"] = pos_M

            cell_N = dealer.cells(length_N, split_N)
            order_N = np.argsort(cell_N, kind="stable")
            begin_N = np.cumsum(length_N, dtype=np.int64) - length_N
            # Records in the order of cells, token positions of one sentence after another.
            sentences_N = sentences_N[order_N]
            tokens_M = tokens_M[ragged_positions(begin_N[order_N], length_N[order_N])]
            rows_C = np.bincount(cell_N, minlength=len(row_C))
            tokens_C = np.bincount(cell_N, length_N, len(row_C)).astype(np.int64)
            _write_runs(sentence_file, sentences_N, row_C, rows_C)
            _write_runs(token_file, tokens_M, token_C, tokens_C)
            row_C += rows_C
            token_C += tokens_C


def read_shard(dealt: Dealt, split_id: int, shard: int, max_tokens: int) -> Iterator[ShardReader]:
    """The sentences of a shard, by bucket and in corpus order, in pieces of at most `max_tokens` tokens (or one)."""
    first_cell = int(np.ravel_multi_index((split_id, shard, 0), dealt.rows_SHB.shape))
    row, token = (int(sizes.ravel()[:first_cell].sum()) for sizes in (dealt.rows_SHB, dealt.tokens_SHB))
    end = row + int(dealt.rows_SHB[split_id, shard].sum())
    while row < end:
        # No piece has more sentences than it may have tokens.
        sentences_N = _read(dealt.sentence_path, SENTENCE, row, min(end - row, max_tokens))
        ends_N = np.cumsum(sentences_N["length"], dtype=np.int64)
        num_rows = max(1, int(np.searchsorted(ends_N, max_tokens, side="right")))
        tokens_M = _read(dealt.token_path, dealt.token_dtype, token, int(ends_N[num_rows - 1]))
        # Copies, as fields of packed records are not aligned.
        by_token = (tokens_M[name].copy() for name in ("token", "tag", "pos"))
        by_sentence = (sentences_N[name][:num_rows].copy() for name in ("length", "sentence_id"))
        yield ShardReader(*by_token, *by_sentence)
        row, token = row + num_rows, token + len(tokens_M)


def _read(path: Path, dtype: np.dtype, first: int, count: int) -> np.ndarray:
    return np.fromfile(path, dtype, count, offset=first * dtype.itemsize)
