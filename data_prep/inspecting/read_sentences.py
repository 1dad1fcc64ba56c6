"""Sentences out of a shard set, as text and BILOU ids: as they lie there, or in the order of the corpus."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.formats.block import Tagged
from ner_dist.contract.shard_format import Index, ShardFile

# Sentences that are put together again, in tokens.
BLOCK_TOKENS = 1 << 14
COLUMNS = ["sentence_id", "length", "text", "tag"]


class _Sentence(NamedTuple):
    sentence_id: int
    texts: list[str]
    tags: list[int]


def _flat(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].combine_chunks().flatten()


def _tagged(rows: pa.Table, source: str) -> Tagged:
    length_N = rows["length"].to_numpy()
    number_M = np.repeat(rows["sentence_id"].to_numpy(), length_N)
    return Tagged(_flat(rows, "text").to_pylist(), _flat(rows, "tag").to_numpy(), [], length_N, source, number_M)


def _source(directory: Path, split: str) -> str:
    return f"{directory}: {split} sentence "


def read_unordered(directory: Path, index: Index, split: str) -> Iterator[Tagged]:
    """The sentences of a split, a row group at a time."""
    for shard in index.splits[split]:
        with pq.ParquetFile(directory / shard.path) as file:
            for group in range(file.num_row_groups):
                yield _tagged(file.read_row_group(group, columns=COLUMNS), _source(directory, split))


def _groups_of_buckets(shard: ShardFile) -> Iterator[range]:
    """The row groups of each bucket: they lie one bucket after another."""
    ends = list(itertools.accumulate(shard.row_groups))
    first, num_rows = 0, 0
    for rows in shard.rows:
        num_rows += rows
        end = first + sum(1 for group_end in ends[first:] if group_end <= num_rows)
        yield range(first, end)
        first = end


def _run(file: pq.ParquetFile, groups: range) -> Iterator[_Sentence]:
    """The sentences of one bucket of one shard, which lie in the order of the corpus."""
    for group in groups:
        rows = file.read_row_group(group, columns=COLUMNS)
        yield from map(_Sentence, *(rows[name].to_pylist() for name in ("sentence_id", "text", "tag")))


def read_ordered(directory: Path, index: Index, split: str) -> Iterator[Tagged]:
    """The sentences of a split in the order of the corpus; of each bucket of each shard a row group is in memory."""
    block: list[_Sentence] = []
    num_tokens = 0
    with ExitStack() as open_files:
        runs = []
        for shard in index.splits[split]:
            file = open_files.enter_context(pq.ParquetFile(directory / shard.path))
            runs += [_run(file, groups) for groups in _groups_of_buckets(shard) if groups]
        for sentence in heapq.merge(*runs, key=itemgetter(0)):
            block.append(sentence)
            num_tokens += len(sentence.texts)
            if num_tokens >= BLOCK_TOKENS:
                yield _joined(block, _source(directory, split))
                block, num_tokens = [], 0
        if block:
            yield _joined(block, _source(directory, split))


def _joined(sentences: list[_Sentence], source: str) -> Tagged:
    length_N = np.array([len(sentence.texts) for sentence in sentences], np.int64)
    text_M = list(itertools.chain.from_iterable(sentence.texts for sentence in sentences))
    tag_M = np.fromiter(itertools.chain.from_iterable(sentence.tags for sentence in sentences), np.int64, len(text_M))
    number_M = np.repeat(np.array([sentence.sentence_id for sentence in sentences], np.int64), length_N)
    return Tagged(text_M, tag_M, [], length_N, source, number_M)


def any_spaced(directory: Path, index: Index, split: str) -> bool:
    """Whether a token of the split, or an entity type, has a space in it."""
    if any(" " in name for name in index.entity_types):
        return True
    for shard in index.splits[split]:
        with pq.ParquetFile(directory / shard.path) as file:
            for group in range(file.num_row_groups):
                if b" " in _flat(file.read_row_group(group, columns=["text"]), "text").buffers()[2].to_pybytes():
                    return True
    return False
