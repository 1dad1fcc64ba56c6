"""Third pass: tagged sentences -> the order of the shards, on disk; memory does not grow with the corpus.

The sentences of a bucket go to the shards in turn. How many sentences of each bucket the parts before have says where
the turns of a part begin. Axes as in shard_cells.py; C cells, G groups (a bucket of a split).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.passes.buckets import bucket_ids
from data_prep.passes.carried import spill_file
from data_prep.passes.chunk_file import read_fields
from data_prep.passes.shard_cells import SENTENCE, PartCells, ShardCells
from data_prep.passes.tagged_corpus import TaggedChunk, TaggedCorpus
from data_prep.sentences.block import ragged_positions
from ner_dist.contract.shard_format import id_dtype
from ner_dist.engines.executor import Advance, Executor


def raw_name(split: str) -> str:
    """What the files of a split's raw sentences are called."""
    return f"{split}-raw"


class DealTask(NamedTuple):
    """A part of the corpus to deal."""

    # Of chunks, each a TaggedChunk.
    tagged_path: Path
    edges: list[int]
    num_shards: int
    token_dtype: np.dtype
    # The shard of the next sentence of each group, and the next sentence's id in each split.
    next_G: np.ndarray
    next_id_S: np.ndarray
    # The beginning of the names of what is written.
    path: Path


def deal_to_shards(
    tagged: TaggedCorpus, spill: Path, edges: list[int], num_shards: int, executor: Executor
) -> ShardCells:
    """Sort the sentences into their cells, in corpus order within each cell."""
    splits = [*tagged.splits, *(raw_name(split) for split in tagged.splits if tagged.raw_SL.any())]
    rows_PSB = np.stack(
        [
            np.concatenate([_rows_of_buckets(lengths_SL, edges) for lengths_SL in (part.length_SL, part.raw_SL)])
            for part in tagged.parts
        ]
    )[:, : len(splits)]
    next_PSB, next_id_PS = where_parts_begin(rows_PSB)
    features = [(str(i), id_dtype(counts.shape[1])) for i, counts in enumerate(tagged.features.values())]
    token_dtype = np.dtype([("token", np.int32), ("tag", id_dtype(tagged.tag_SK.shape[1])), *features])
    tasks = [
        DealTask(
            part.path,
            edges,
            num_shards,
            token_dtype,
            next_PSB[number].ravel() % num_shards,
            next_id_PS[number],
            spill / f"cells-{number}",
        )
        for number, part in enumerate(tagged.parts)
    ]
    parts = executor.run("deal", deal_part, tasks)
    sizes_2C = np.zeros((2, len(splits) * num_shards * len(edges)), np.int64)
    for part in parts:
        sizes_2C += part.sizes()
    rows_SHB, tokens_SHB = sizes_2C.reshape(2, len(splits), num_shards, len(edges))
    return ShardCells(splits, edges, token_dtype, parts, rows_SHB, tokens_SHB)


def _rows_of_buckets(length_SL: np.ndarray, edges: list[int]) -> np.ndarray:
    """Sentences of each split in each bucket, int64 (S, B)."""
    bucket_L = bucket_ids(np.arange(length_SL.shape[1]), edges)
    return np.stack([np.bincount(bucket_L, rows_L, len(edges)) for rows_L in length_SL]).astype(np.int64)


def where_parts_begin(rows_PSB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many sentences are dealt before those of each part, of each bucket of a split, (P, S, B), and in its split.

    rows_PSB: int64, sentences of each part.
    """
    rows_SB = rows_PSB.sum(0)
    # Turns continue across the buckets of a split, so that the shards' totals differ by at most one.
    next_PSB = np.cumsum(rows_SB, 1) - rows_SB + np.cumsum(rows_PSB, 0) - rows_PSB
    return next_PSB, np.cumsum(rows_PSB.sum(2), 0) - rows_PSB.sum(2)


def deal_part(task: DealTask, advance: Advance) -> PartCells:
    # Two passes over the part: one for the sizes of the cells, one to write each sentence to its place.
    rows_C, tokens_C = np.zeros((2, len(task.next_id_S) * task.num_shards * len(task.edges)), np.int64)
    for chunk, cell_N in _chunks_with_cells(task):
        rows_C += np.bincount(cell_N, minlength=len(rows_C))
        tokens_C += np.bincount(cell_N, chunk.length_N, len(rows_C)).astype(np.int64)
    cells = PartCells(task.path, *(task.path.with_name(f"{task.path.name}-{name}") for name in ("tokens", "starts")))
    start_2C = np.array([np.append(0, np.cumsum(sizes_C)) for sizes_C in (rows_C, tokens_C)])
    with spill_file(cells.start_path) as file:
        np.save(file, start_2C)
    _write_cells(task, cells, start_2C)
    return cells


def _chunks_with_cells(task: DealTask) -> Iterator[tuple[TaggedChunk, np.ndarray]]:
    """The chunks of the second pass, and the cells of their sentences, int64 (N,)."""
    next_G = task.next_G
    for chunk in read_fields(task.tagged_path, TaggedChunk):
        bucket_N = bucket_ids(chunk.length_N, task.edges)
        group_N = chunk.split_N * len(task.edges) + bucket_N
        shard_N = (next_G[group_N] + _num_before(group_N)) % task.num_shards
        next_G = (next_G + np.bincount(group_N, minlength=len(next_G))) % task.num_shards
        yield chunk, (chunk.split_N * task.num_shards + shard_N) * len(task.edges) + bucket_N


def _num_before(group_N: np.ndarray) -> np.ndarray:
    """For each element, the number of earlier ones of the same group."""
    order = np.argsort(group_N, kind="stable")
    count_G = np.bincount(group_N)
    before_N = np.empty(len(group_N), np.int64)
    before_N[order] = np.arange(len(group_N)) - np.repeat(np.cumsum(count_G) - count_G, count_G)
    return before_N


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


def _write_cells(task: DealTask, cells: PartCells, start_2C: np.ndarray) -> None:
    # The next free record of each cell, counted from the beginning of the file.
    row_C, token_C = start_2C[:, :-1].copy()
    next_id_S = task.next_id_S.copy()
    with ExitStack() as stack:
        sentence_file, token_file = (
            stack.enter_context(spill_file(path)) for path in (cells.sentence_path, cells.token_path)
        )
        for chunk, cell_N in _chunks_with_cells(task):
            sentences_N, tokens_M = _records(chunk, next_id_S, task.token_dtype)
            next_id_S += np.bincount(chunk.split_N, minlength=len(next_id_S))
            length_N = chunk.length_N
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


def _records(chunk: TaggedChunk, next_id_S: np.ndarray, token_dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Of the sentences and of the tokens of a chunk; next_id_S: the next sentence's id in each split."""
    sentences_N = np.zeros(len(chunk.length_N), SENTENCE)
    sentences_N["sentence_id"] = next_id_S[chunk.split_N] + _num_before(chunk.split_N)
    sentences_N["source"] = chunk.source[0]
    for field in ("length", "line", "document", "recut", "origin_place", "origin_size"):
        values_N = getattr(chunk, f"{field}_N")
        if len(values_N):
            sentences_N[field] = values_N
    tokens_M = np.zeros(len(chunk.token_M), token_dtype)
    tokens_M["token"], tokens_M["tag"] = chunk.token_M, chunk.tag_M
    for i, feature_M in enumerate(chunk.feature_FM):
        tokens_M[str(i)] = feature_M
    return sentences_N, tokens_M
