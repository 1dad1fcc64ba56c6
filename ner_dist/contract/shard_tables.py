"""A shard's Parquet file -> tables, whose columns and values are checked against the index: all reading goes through.

A file is verified as a whole when it is opened for the first time. Later reads, such as those of a training whose
epochs have chapters, look whether it is still the same file: a look costs microseconds, a checksum seconds. If it is
another one, it is verified again. Within the same file, Parquet's page checksums find what a disk has done.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from ner_dist.contract.shard_format import Index, ShardError, ShardFile, shard_schema, verify_file
from ner_dist.stores.mirror import require

# Lists with one value for each token.
_OF_TOKENS = ("word", "tag", "token_chars", "text")


@dataclasses.dataclass
class VerifiedShard:
    """A file whose size and checksum match the index."""

    path: Path
    entry: ShardFile
    # Rows and bucket of each row group, in file order: int64 (G,).
    rows_of_group: np.ndarray
    bucket_of_group: np.ndarray
    # Which file it was that was verified, and when it was changed last.
    _identity: tuple[int, ...]

    def require_unchanged(self) -> None:
        """Raises ShardError if another file has taken its place, unless that has the same content."""
        found = _identity(self.path)
        if found != self._identity:
            verify_file(self.path.parent, self.entry)
            self._identity = found


def open_shard(directory: str | os.PathLike[str], entry: ShardFile, was_verified: bool = False) -> VerifiedShard:
    """was_verified: just now, with the whole set. Raises ShardError naming the file and what is wrong with it."""
    path = require(Path(directory) / entry.path)
    # Before it is read: if it is replaced meanwhile, the next look finds that out.
    identity = _identity(path)
    if not was_verified:
        verify_file(directory, entry)
    rows_of_group = _row_groups(path)
    group_ends, bucket_ends = np.cumsum(rows_of_group), np.cumsum(entry.rows)
    shard = VerifiedShard(path, entry, rows_of_group, np.searchsorted(bucket_ends, group_ends), identity)
    num_rows, num_expected = int(rows_of_group.sum()), sum(entry.rows)
    if num_rows != num_expected:
        refuse(shard, f"{num_rows} sentences", f"{num_expected} by the index of {path.parent.name}")
    are_counts = ((rows_of_group > 0) & (rows_of_group <= num_expected)).all()
    if not are_counts or not np.isin(bucket_ends, [0, *group_ends]).all():
        refuse(shard, "row groups that are empty or have rows of two buckets", "each bucket in row groups of its own")
    return shard


def _row_groups(path: Path) -> np.ndarray:
    """Rows of each row group, from the file's footer. Raises ShardError."""
    import pyarrow.parquet as pq

    with _readable(path):
        return _rows_of_groups(pq.read_metadata(path))


def _rows_of_groups(metadata: Any) -> np.ndarray:
    return np.array([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)], np.int64)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises ShardError for what pyarrow raises, also for names that are not UTF-8 and sizes that no file has."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise ShardError(f"{path}: not readable as Parquet ({error}); rebuild the shards") from error


def _identity(path: Path) -> tuple[int, ...]:
    """Opened, so that network file systems ask their server. Zeros if there is no file."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
    except OSError:
        return (0,)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def parquet_file(shard: VerifiedShard, index: Index, columns: Sequence[str]) -> Iterator[Any]:
    """The open file, with these columns as the index says. Raises ShardError, also for what is raised in reading."""
    import pyarrow.parquet as pq

    shard.require_unchanged()
    # Reading ahead would take more memory and hardly less time.
    with _readable(shard.path), pq.ParquetFile(shard.path, page_checksum_verification=True, pre_buffer=False) as file:
        if not np.array_equal(_rows_of_groups(file.metadata), shard.rows_of_group):
            refuse(shard, "other row groups than when it was verified", "the same file")
        _check_columns(shard, file, shard_schema(index.num_tags, index.features, index.has_text), columns)
        yield file
    shard.require_unchanged()


def read_groups(shard: VerifiedShard, file: Any, index: Index, groups: list[int], columns: Sequence[str]) -> pa.Table:
    """These columns of these row groups, checked. Raises ShardError."""
    # Lengths are what lists are compared with.
    names = list(dict.fromkeys([*columns, "length"]))
    table = file.read_row_groups(groups, names, use_threads=False)
    _check_rows(shard, table, index, np.array(groups, np.int64))
    return table if "length" in columns else table.select(list(columns))


def read_shard(directory: str | os.PathLike[str], index: Index, entry: ShardFile, columns: Sequence[str]) -> pa.Table:
    """These columns of all rows of a shard, verified and checked. Raises ShardError."""
    shard = open_shard(directory, entry)
    with parquet_file(shard, index, [*columns, "length"]) as file:
        return read_groups(shard, file, index, list(range(file.num_row_groups)), columns)


def list_values(column: pa.ChunkedArray) -> np.ndarray:
    """The values of a column of lists, end to end."""
    # Without rows there are no chunks.
    return np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks] or [np.zeros(0, np.int64)])


def refuse(shard: VerifiedShard, found: str, expected: str) -> NoReturn:
    raise ShardError(f"{shard.path}: {found}, expected {expected}; rebuild the shards")


def _check_columns(shard: VerifiedShard, file: Any, expected: pa.Schema, columns: Sequence[str]) -> None:
    found = file.schema_arrow
    for name in columns:
        kind = found.field(name).type if name in found.names else "missing"
        if kind != expected.field(name).type:
            refuse(shard, f"column {name} is {kind}", str(expected.field(name).type))


def _check_rows(shard: VerifiedShard, table: pa.Table, index: Index, groups: np.ndarray) -> None:
    """groups: those of the file that the table consists of."""
    import pyarrow.compute as pc

    sizes = shard.rows_of_group
    ends = np.cumsum(sizes)
    # The number of each of the table's rows in the file.
    row_R = np.concatenate([np.zeros(0, np.int64), *(np.arange(ends[g] - sizes[g], ends[g]) for g in groups)])
    length_R = table["length"].to_numpy().astype(np.int64)
    bucket_R = np.repeat(shard.bucket_of_group[groups], sizes[groups])
    edges = np.array([0, *index.bucket_edges])
    least_R, most_R = edges[bucket_R] + 1, edges[bucket_R + 1]
    wrong_R = (length_R < least_R) | (length_R > most_R)
    if wrong_R.any():
        i = wrong_R.argmax()
        refuse(shard, f"row {row_R[i]} has {length_R[i]} tokens", f"{least_R[i]} to {most_R[i]} in its bucket")
    sizes_of = {feature.name: feature.num_values for feature in index.features}
    num_ids = {"tag": index.num_tags, **sizes_of, **{n: index.vocab[n].num_values for n in ("word", "char")}}
    for name in (name for name in table.column_names if name in num_ids):
        ids, limit = list_values(table[name]), num_ids[name]
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < limit:
            refuse(shard, f"column {name} has ids {int(ids.min())} to {int(ids.max())}", f"0 to {limit - 1}")
    for name in (name for name in table.column_names if name in _OF_TOKENS or name in sizes_of):
        found_R = pc.list_value_length(table[name]).to_numpy()
        if (found_R != length_R).any():
            i = (found_R != length_R).argmax()
            refuse(shard, f"row {row_R[i]} has {found_R[i]} values in column {name}", f"{length_R[i]}, its length")
    if {"token_chars", "char"} <= set(table.column_names):
        token_chars = list_values(table["token_chars"]).astype(np.int64)
        if len(token_chars) and (token_chars.min() < 1 or token_chars.sum() != len(list_values(table["char"]))):
            refuse(shard, "token_chars does not add up to the characters", "a count of at least 1 for each token")
    if "source" in table.column_names and len(table):
        least, most = (int(value.as_py()) for value in pc.min_max(table["source"]).values())
        if not 0 <= least <= most < len(index.sources):
            refuse(shard, f"column source has {least} to {most}", f"0 to {len(index.sources) - 1}")
