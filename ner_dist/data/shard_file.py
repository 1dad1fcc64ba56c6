"""One shard file -> tables of selected rows, checked against the index. Axis R: rows of a table.

MXNet silently clips ids that are out of range, so all that training will use is checked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import INDEX_NAME, Index, ShardError, ShardFile, shard_schema, verify_file
from ner_dist.data.chapters import RowSelection

# Row groups are read together until they may have this many tokens.
_TOKENS_PER_READ = 1 << 16


class VerifiedShard(NamedTuple):
    """A file whose size and checksum match the index."""

    path: Path
    entry: ShardFile
    # Bucket of each row group.
    bucket_of_group: np.ndarray


def open_shard(directory: Path, entry: ShardFile) -> VerifiedShard:
    """Raises ShardError naming the file and what is wrong with it."""
    path = verify_file(directory, entry)
    group_ends, bucket_ends = np.cumsum(entry.row_groups), np.cumsum(entry.rows)
    if not np.isin(bucket_ends[bucket_ends > 0], group_ends).all() or sum(entry.row_groups) != bucket_ends[-1]:
        raise ShardError(f"{path}: {INDEX_NAME} states row groups that do not fit its buckets; rebuild the shards")
    return VerifiedShard(path, entry, np.searchsorted(bucket_ends, group_ends))


def read_rows(shard: VerifiedShard, index: Index, selections: list[RowSelection]) -> Iterator[pa.Table]:
    """The training columns of the selected rows, in file order, a few row groups at a time.

    selections: ascending by row group. Raises ShardError naming the file and what is wrong with it.
    """
    schema = shard_schema(index.num_tags, index.features, index.has_text)
    names = ["sentence_id", "length", "word", "char", "token_chars", "tag", *(f.name for f in index.features)]
    try:
        # Threads or reading ahead would take more memory and hardly less time.
        with pq.ParquetFile(shard.path, page_checksum_verification=True, pre_buffer=False) as file:
            _check_file(shard, file, schema, names)
            for few in _reads(shard, index, selections):
                groups = np.array([selection.group for selection in few])
                table = file.read_row_groups(groups.tolist(), names, use_threads=False)
                _check_rows(shard, table, index, groups)
                yield _select(shard, table, few)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(shard, error) from error


def read_columns(shard: VerifiedShard, index: Index, names: list[str]) -> pa.Table:
    """These columns of all rows, their types checked, their values not. Raises ShardError naming the file."""
    try:
        with pq.ParquetFile(shard.path, page_checksum_verification=True, pre_buffer=False) as file:
            _check_file(shard, file, shard_schema(index.num_tags, index.features, index.has_text), names)
            return file.read(names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(shard, error) from error


def _unreadable(shard: VerifiedShard, error: Exception) -> ShardError:
    return ShardError(f"{shard.path}: not readable as Parquet ({error}); rebuild the shards")


def _reads(shard: VerifiedShard, index: Index, selections: list[RowSelection]) -> Iterator[list[RowSelection]]:
    """The selections in lists whose row groups have not many more than _TOKENS_PER_READ tokens together."""
    few, most_tokens = [], 0
    for selection in selections:
        few.append(selection)
        longest = index.bucket_edges[shard.bucket_of_group[selection.group]]
        most_tokens += shard.entry.row_groups[selection.group] * longest
        if most_tokens >= _TOKENS_PER_READ:
            yield few
            few, most_tokens = [], 0
    if few:
        yield few


def _select(shard: VerifiedShard, table: pa.Table, selections: list[RowSelection]) -> pa.Table:
    if all(selection.rows is None for selection in selections):
        return table
    wanted, begin = np.ones(len(table), bool), 0
    for group, rows, _ in selections:
        end = begin + shard.entry.row_groups[group]
        if rows is not None:
            wanted[begin:end] = False
            wanted[begin + rows] = True
        begin = end
    return table.filter(pa.array(wanted))


def list_values(column: pa.ChunkedArray) -> np.ndarray:
    """The values of a column of lists, end to end."""
    return np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])


def refuse(shard: VerifiedShard, found: str, expected: str) -> NoReturn:
    raise ShardError(f"{shard.path}: {found}, expected {expected}; rebuild the shards")


def _check_file(shard: VerifiedShard, file: pq.ParquetFile, expected: pa.Schema, columns: list[str]) -> None:
    found, metadata, by_index = file.schema_arrow, file.metadata, f"by the index of {shard.path.parent.name}"
    for name in columns:
        kind = found.field(name).type if name in found.names else "missing"
        if kind != expected.field(name).type:
            refuse(shard, f"column {name} is {kind}", str(expected.field(name).type))
    if metadata.num_rows != sum(shard.entry.rows):
        refuse(shard, f"{metadata.num_rows} sentences", f"{sum(shard.entry.rows)} {by_index}")
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if sizes != shard.entry.row_groups:
        refuse(shard, f"{len(sizes)} row groups of other sizes", f"{len(shard.entry.row_groups)} {by_index}")


def _check_rows(shard: VerifiedShard, table: pa.Table, index: Index, groups: np.ndarray) -> None:
    """groups: those of the file that the table consists of."""
    sizes = np.array(shard.entry.row_groups, np.int64)
    ends = np.cumsum(sizes)
    # The number of each of the table's rows in the file.
    row_R = np.concatenate([np.arange(ends[group] - sizes[group], ends[group]) for group in groups])
    length_R = table["length"].to_numpy().astype(np.int64)
    bucket_R = np.repeat(shard.bucket_of_group[groups], sizes[groups])
    edges = np.array([0, *index.bucket_edges])
    least_R, most_R = edges[bucket_R] + 1, edges[bucket_R + 1]
    wrong_R = (length_R < least_R) | (length_R > most_R)
    if wrong_R.any():
        i = wrong_R.argmax()
        refuse(shard, f"row {row_R[i]} has {length_R[i]} tokens", f"{least_R[i]} to {most_R[i]} in its bucket")
    num_ids = {
        "word": index.vocab["word"].num_values,
        "char": index.vocab["char"].num_values,
        "tag": index.num_tags,
        **{feature.name: feature.num_values for feature in index.features},
    }
    for name, limit in num_ids.items():
        ids = list_values(table[name])
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < limit:
            refuse(shard, f"column {name} has ids {int(ids.min())} to {int(ids.max())}", f"0 to {limit - 1}")
    for name in ("word", "tag", "token_chars", *(feature.name for feature in index.features)):
        found_R = pc.list_value_length(table[name]).to_numpy()
        if (found_R != length_R).any():
            i = (found_R != length_R).argmax()
            refuse(shard, f"row {row_R[i]} has {found_R[i]} values in column {name}", f"{length_R[i]}, its length")
    token_chars = list_values(table["token_chars"]).astype(np.int64)
    if len(token_chars) and (token_chars.min() < 1 or token_chars.sum() != len(list_values(table["char"]))):
        refuse(shard, "token_chars does not add up to the characters", "a count of at least 1 for each token")
