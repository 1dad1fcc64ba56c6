"""Sentences of a shard set as text and BILOU ids: in the order of the shards, or in the order of the corpus."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.formats.block import TaggedSentences
from ner_dist.contract.shard_format import Index, ShardFile

# Sentences in corpus order are handed out in blocks of about this size.
BLOCK_TOKENS = 1 << 14
# The sentence, its texts and its tags.
StoredSentence = tuple[int, list[str], list[int]]


def row_groups(directory: Path, index: Index, split: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The row groups of all shards of a split, one in memory at a time."""
    for shard in index.splits[split]:
        with pq.ParquetFile(directory / shard.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns))


def flat(rows: pa.Table, name: str) -> pa.Array:
    """The values of a list column, one row after another."""
    return rows[name].combine_chunks().flatten()


def _source(directory: Path, split: str) -> str:
    return f"{directory}: {split} sentence "


def read_unordered(directory: Path, index: Index, split: str) -> Iterator[TaggedSentences]:
    """The sentences of a split, one row group at a time."""
    for rows in row_groups(directory, index, split, ("sentence_id", "length", "text", "tag")):
        length_N = rows["length"].to_numpy()
        number_M = np.repeat(rows["sentence_id"].to_numpy(), length_N)
        text_M, tag_M = flat(rows, "text").to_pylist(), flat(rows, "tag").to_numpy()
        yield TaggedSentences(text_M, tag_M, [], length_N, _source(directory, split), number_M)


def _groups_of_buckets(shard: ShardFile) -> list[range]:
    """The row groups of each bucket; the buckets follow one another."""
    group_ends, bucket_ends = (list(itertools.accumulate(sizes)) for sizes in (shard.row_groups, shard.rows))
    bounds = [0, *(bisect_right(group_ends, end) for end in bucket_ends)]
    return list(map(range, bounds, bounds[1:]))


def _bucket_sentences(file: pq.ParquetFile, groups: range) -> Iterator[StoredSentence]:
    """The sentences of one bucket of one shard, which are in the order of the corpus."""
    columns = ["sentence_id", "text", "tag"]
    for group in groups:
        rows = file.read_row_group(group, columns=columns)
        yield from zip(*(rows[name].to_pylist() for name in columns))


def read_ordered(directory: Path, index: Index, split: str) -> Iterator[TaggedSentences]:
    """The sentences of a split in the order of the corpus, with a row group of each bucket of each shard in memory."""
    block: list[StoredSentence] = []
    num_tokens = 0
    with ExitStack() as open_files:
        buckets = []
        for shard in index.splits[split]:
            file = open_files.enter_context(pq.ParquetFile(directory / shard.path))
            buckets += [_bucket_sentences(file, groups) for groups in _groups_of_buckets(shard)]
        for sentence in heapq.merge(*buckets, key=itemgetter(0)):
            block.append(sentence)
            num_tokens += len(sentence[1])
            if num_tokens >= BLOCK_TOKENS:
                yield _joined(block, _source(directory, split))
                block, num_tokens = [], 0
        if block:
            yield _joined(block, _source(directory, split))


def _joined(sentences: list[StoredSentence], source: str) -> TaggedSentences:
    ids, texts, tags = zip(*sentences)
    length_N = np.array(list(map(len, texts)), np.int64)
    text_M = list(itertools.chain.from_iterable(texts))
    tag_M = np.fromiter(itertools.chain.from_iterable(tags), np.int64, len(text_M))
    return TaggedSentences(text_M, tag_M, [], length_N, source, np.repeat(np.array(ids, np.int64), length_N))


def any_spaced(directory: Path, index: Index, split: str) -> bool:
    """Whether a token of the split, or an entity type, contains a space."""
    return any(" " in name for name in index.entity_types) or any(
        b" " in flat(rows, "text").buffers()[2].to_pybytes() for rows in row_groups(directory, index, split, ["text"])
    )
