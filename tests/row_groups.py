"""Rewrites shard sets with row groups of few rows, so that small sets have many."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import ShardFile, file_sha256, read_index, write_index


def write_groups(path: Path, table: pa.Table, row_groups: list[int]) -> None:
    """Write a shard file with row groups of these sizes; the last takes all remaining rows."""
    begins = [0, *np.cumsum(row_groups).tolist()]
    with pq.ParquetWriter(path, table.schema, write_page_checksum=True) as writer:
        for begin, end in zip(begins, [*begins[1:-1], max(begins[-1], len(table))]):
            rows = table.slice(begin, end - begin)
            writer.write_table(rows, row_group_size=max(1, len(rows)))


def group_sizes(path: Path) -> list[int]:
    """Rows of each row group of a shard file."""
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def with_entry(directory: Path, entry: ShardFile) -> ShardFile:
    """The index entry of a file after it has been rewritten."""
    path = directory / entry.path
    return dataclasses.replace(entry, num_bytes=path.stat().st_size, sha256=file_sha256(path))


def regroup(shards: Path, out: Path, most_rows: int) -> Path:
    """A copy of a shard set with row groups of at most most_rows rows."""
    shutil.copytree(shards, out)
    index = read_index(out)
    splits: dict[str, list[ShardFile]] = {}
    for split, entries in index.splits.items():
        splits[split] = []
        for entry in entries:
            sizes = [min(most_rows, rows - i) for rows in entry.rows for i in range(0, rows, most_rows)]
            write_groups(out / entry.path, pq.read_table(out / entry.path), sizes)
            splits[split].append(with_entry(out, entry))
    write_index(out, dataclasses.replace(index, splits=splits))
    return out
