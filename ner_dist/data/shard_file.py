"""One shard file -> a table of the row groups that are asked for, checked against the index.

MXNet clips ids that are out of range without a word, so everything that training will use is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import INDEX_NAME, Index, ShardError, ShardFile, shard_schema, verify_file
from ner_dist.data.chapters import Piece

# Read at once, and then but for what is kept given back.
_PORTION_TOKENS = 1 << 16


class Shard(NamedTuple):
    """A file whose size and checksum are as the index says."""

    path: Path
    entry: ShardFile
    # Bucket of each row group.
    bucket_of_group: np.ndarray


def open_shard(directory: Path, entry: ShardFile) -> Shard:
    """Verify a file. Raises ShardError naming it and what is wrong with it."""
    path = verify_file(directory, entry)
    group_ends, bucket_ends = np.cumsum(entry.row_groups), np.cumsum(entry.rows)
    if not np.isin(bucket_ends[bucket_ends > 0], group_ends).all() or sum(entry.row_groups) != bucket_ends[-1]:
        raise ShardError(f"{path}: {INDEX_NAME} says row groups that do not fit its buckets; rebuild the shards")
    return Shard(path, entry, np.searchsorted(bucket_ends, group_ends))


def read_pieces(shard: Shard, index: Index, pieces: list[Piece]) -> Iterator[pa.Table]:
    """The training columns of these rows, in the order of the file, a few row groups at a time.

    pieces: by row group, rising. Raises ShardError naming the file and what is wrong with it.
    """
    schema = shard_schema(index.num_tags, index.features)
    columns = [name for name in schema.names if name != "text"]
    try:
        # Several at once, or ahead of time, would take more memory and hardly less time.
        with pq.ParquetFile(shard.path, page_checksum_verification=True, pre_buffer=False) as file:
            _check_columns(shard, file.schema_arrow, schema, columns)
            _check_row_groups(shard, file.metadata)
            for few in _portions(shard, index, pieces):
                groups = np.array([piece.group for piece in few])
                table = file.read_row_groups(groups.tolist(), columns, use_threads=False)
                _check_rows(shard, table, index, groups)
                yield _chosen(shard, table, few)
    except (pa.ArrowException, OSError) as error:
        raise ShardError(f"{shard.path}: not readable as Parquet ({error}); rebuild the shards") from error


def _portions(shard: Shard, index: Index, pieces: list[Piece]) -> Iterator[list[Piece]]:
    """The pieces in lists of row groups of not many more than _PORTION_TOKENS tokens together."""
    few: list[Piece] = []
    most_tokens = 0
    for piece in pieces:
        few.append(piece)
        longest = index.bucket_edges[shard.bucket_of_group[piece.group]]
        most_tokens += shard.entry.row_groups[piece.group] * longest
        if most_tokens >= _PORTION_TOKENS:
            yield few
            few, most_tokens = [], 0
    if few:
        yield few


def _chosen(shard: Shard, table: pa.Table, pieces: list[Piece]) -> pa.Table:
    """The rows of the pieces, of a table of their row groups."""
    if all(piece.rows is None for piece in pieces):
        return table
    wanted, begin = np.ones(len(table), bool), 0
    for piece in pieces:
        end = begin + shard.entry.row_groups[piece.group]
        if piece.rows is not None:
            wanted[begin:end] = False
            wanted[begin + piece.rows] = True
        begin = end
    return table.filter(pa.array(wanted))


def list_values(column: pa.ChunkedArray) -> np.ndarray:
    """The values of a column of lists, end to end."""
    chunks = [chunk.flatten().to_numpy() for chunk in column.chunks]
    return np.concatenate(chunks)


def _refuse(shard: Shard, found: str, expected: str) -> None:
    raise ShardError(f"{shard.path}: {found}, expected {expected}; rebuild the shards")


def _check_columns(shard: Shard, found: pa.Schema, expected: pa.Schema, columns: list[str]) -> None:
    for name in columns:
        if name not in found.names:
            _refuse(shard, f"column {name} is missing", str(expected.field(name).type))
        if found.field(name).type != expected.field(name).type:
            _refuse(shard, f"column {name} is {found.field(name).type}", str(expected.field(name).type))


def _check_row_groups(shard: Shard, metadata: pq.FileMetaData) -> None:
    says = f"as {shard.path.parent.name}'s index says"
    if metadata.num_rows != sum(shard.entry.rows):
        _refuse(shard, f"{metadata.num_rows} sentences", f"{sum(shard.entry.rows)} {says}")
    found = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if found != shard.entry.row_groups:
        _refuse(shard, f"{len(found)} row groups of other sizes", f"{len(shard.entry.row_groups)} {says}")


def _check_rows(shard: Shard, table: pa.Table, index: Index, chosen: np.ndarray) -> None:
    """chosen: the row groups of the file that the table holds."""
    sizes = np.array(shard.entry.row_groups, np.int64)

    def row(wrong: np.ndarray) -> tuple[int, int]:
        """The first wrong row: its place in the table, and in the file."""
        place = int(np.flatnonzero(wrong)[0])
        group = int(np.searchsorted(np.cumsum(sizes[chosen]), place, side="right"))
        return place, place - int(sizes[chosen[:group]].sum()) + int(sizes[: chosen[group]].sum())

    length = table["length"].to_numpy().astype(np.int64)
    bucket_of_group = shard.bucket_of_group[chosen]
    edges = np.repeat(np.array(index.bucket_edges)[bucket_of_group], sizes[chosen])
    floors = np.repeat(np.array([0, *index.bucket_edges[:-1]])[bucket_of_group], sizes[chosen])
    wrong = (length > edges) | (length <= floors)
    if wrong.any():
        place, at = row(wrong)
        _refuse(shard, f"row {at} has {length[place]} tokens", f"{floors[place] + 1} to {edges[place]} in its bucket")
    num_ids = {
        "word": index.vocab["word"].num_values,
        "char": index.vocab["char"].num_values,
        "tag": index.num_tags,
        **{feature.name: feature.num_values for feature in index.features},
    }
    for name, limit in num_ids.items():
        ids = list_values(table[name])
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < limit:
            _refuse(shard, f"column {name} holds ids {int(ids.min())} to {int(ids.max())}", f"0 to {limit - 1}")
    for name in ("word", "tag", "token_chars", *(feature.name for feature in index.features)):
        per_row = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in table[name].chunks])
        if (per_row != length).any():
            place, at = row(per_row != length)
            _refuse(shard, f"row {at} has {per_row[place]} values in column {name}", f"{length[place]}, its length")
    token_chars = list_values(table["token_chars"]).astype(np.int64)
    if len(token_chars) and (token_chars.min() < 1 or token_chars.sum() != len(list_values(table["char"]))):
        _refuse(shard, "token_chars does not add up to the characters", "one count of at least 1 a token")
