"""Corpus files -> a complete shard set: read, resolve, fit, deal to shards, write Parquet, index.json last."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.deal import Sentences, partition, read_bucket
from data_prep.encode import Encoding, encode, write_vocabs
from data_prep.prepare import Prepared, prepare, split_stats
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.source import Progress
from data_prep.staging import check_output, staged
from ner_dist.shard_format import Index, ShardFile, file_sha256, write_index

# Tokens of one row group, and of the row groups held in memory at once (one a shard).
ROW_GROUP_TOKENS = 1 << 13
MAX_HELD_TOKENS = 1 << 20
MAX_ENCODED_TOKENS = 1 << 15


def _tables(dealt: Sentences, rows_S: np.ndarray, encoding: Encoding) -> Iterator[tuple[int, pa.Table]]:
    """(shard, its rows) of sentences in the order of their shards, for the shards that get any."""
    # Encoded sentences take many times the memory; for few of them, one call is quicker than one a shard.
    table = encode(dealt, encoding) if len(dealt.token_M) <= MAX_ENCODED_TOKENS else None
    begin = 0
    for shard in np.flatnonzero(rows_S).tolist():
        rows = np.arange(begin, begin + rows_S[shard])
        yield shard, encode(dealt.take(rows), encoding) if table is None else table.slice(begin, len(rows))
        begin += len(rows)


class _ShardWriters:
    """The S shard files of one split, open at once, and what the index will say of them."""

    def __init__(self, directory: Path, split: str, num_shards: int, num_buckets: int, encoding: Encoding):
        self.directory, self.encoding = directory, encoding
        self.names = [f"{split}-{shard:05d}.parquet" for shard in range(num_shards)]
        self.rows = np.zeros((num_shards, num_buckets), np.int64)
        self.tokens = np.zeros((num_shards, num_buckets), np.int64)
        self.row_groups: list[list[int]] = [[] for _ in self.names]
        # The shard that gets the next sentence: dealing goes on across buckets, so totals differ by at most one.
        self.next_shard = 0

    def __enter__(self) -> _ShardWriters:
        self.stack = ExitStack()
        self.writers = [
            self.stack.enter_context(
                pq.ParquetWriter(
                    str(self.directory / name),
                    self.encoding.schema,
                    compression="zstd",
                    use_dictionary=["text.list.element"],
                    write_statistics=False,
                    write_page_checksum=True,
                )
            )
            for name in self.names
        ]
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stack.__exit__(*exception)

    def deal(self, sentences: Sentences, bucket: int) -> None:
        """Append sentences of one bucket, the k-th to the k-th next shard."""
        num_shards, num_sentences = len(self.names), len(sentences.length_N)
        shard_N = (self.next_shard + np.arange(num_sentences)) % num_shards
        self.next_shard = (self.next_shard + num_sentences) % num_shards
        dealt = sentences.take(np.argsort(shard_N, kind="stable"))
        self.tokens[:, bucket] += np.bincount(shard_N, sentences.length_N, num_shards).astype(np.int64)
        rows_S = np.bincount(shard_N, minlength=num_shards)
        self.rows[:, bucket] += rows_S
        for shard, table in _tables(dealt, rows_S, self.encoding):
            self.writers[shard].write_table(table, row_group_size=len(table))
            self.row_groups[shard].append(len(table))

    def entries(self) -> list[ShardFile]:
        """What the index says of the files; call after they are closed."""
        return [
            ShardFile(name, path.stat().st_size, file_sha256(path), rows, tokens, groups)
            for name, path, rows, tokens, groups in zip(
                self.names,
                [self.directory / name for name in self.names],
                self.rows.tolist(),
                self.tokens.tolist(),
                self.row_groups,
            )
        ]


def write_shards(
    prepared: Prepared, settings: Settings, directory: Path, spill: Path, progress: Callable[[int], object]
) -> dict[str, list[ShardFile]]:
    """Deal the sentences of every split to its shards. `progress` is told of tokens written."""
    splits, edges = prepared.resolved.splits, prepared.edges
    held = min(MAX_HELD_TOKENS, ROW_GROUP_TOKENS * settings.num_shards)
    partition(prepared.resolved.path, spill, len(splits), edges)
    entries = {}
    for split_id, split in enumerate(splits):
        with _ShardWriters(directory, split, settings.num_shards, len(edges), prepared.encoding) as shards:
            for bucket in range(len(edges)):
                for sentences in read_bucket(spill, split_id, bucket, held):
                    shards.deal(sentences, bucket)
                    progress(len(sentences.token_M))
        entries[split] = shards.entries()
    return entries


def build(
    sources: dict[str, Path],
    settings: Settings,
    out: Path,
    problems: Problems,
    read_progress: Progress | None = None,
    write_progress: Callable[[int], object] = lambda num_tokens: None,
) -> Index:
    """Build the shard set `out` from the files of the splits; an older one stays until the new one is complete.

    Raises CorpusError listing what is wrong with the corpus, OutputError if `out` must not be replaced.
    """
    check_output(out, list(sources.values()))
    with staged(out) as (directory, spill):
        prepared = prepare(sources, settings, spill, problems, read_progress)
        problems.raise_errors()
        assert prepared is not None
        splits = write_shards(prepared, settings, directory, spill, write_progress)
        index = Index(
            entity_types=prepared.resolved.entity_types,
            bucket_edges=prepared.edges,
            features=prepared.encoding.shard_features(),
            vocab=write_vocabs(directory, prepared.encoding.vocabs()),
            splits=splits,
            stats={split: split_stats(prepared, split_id) for split_id, split in enumerate(prepared.resolved.splits)},
            sources=[
                {"split": split, "name": path.name, "num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
                for split, path in sources.items()
            ],
            settings={
                **dataclasses.asdict(settings),
                "split": list(settings.split),
                "scheme_found": prepared.resolved.scheme.name,
            },
            warnings=dict(sorted(problems.warnings.items())),
        )
        write_index(directory, index)
    return index
