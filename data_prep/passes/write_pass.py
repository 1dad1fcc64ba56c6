"""Last pass: the cells of the third pass -> Parquet files; one worker writes split by split on several threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.passes.buckets import bucket_ids
from data_prep.passes.carried import Carried
from data_prep.passes.encode import ShardEncoder
from data_prep.passes.shard_cells import ShardCells, ShardSentences, parts_of, read_shard
from data_prep.threads import side_by_side
from ner_dist.atomic_file import temporary_beside
from ner_dist.contract.shard_format import ShardFile, file_sha256
from ner_dist.engines.executor import Advance, Executor

# A file's footer grows with the number of its row groups, and the memory of a reader with their size. So a shard has
# about so many, of at least and at most so many tokens.
GROUPS_PER_SHARD = 128
LEAST_GROUP_TOKENS, MOST_GROUP_TOKENS = 1 << 14, 1 << 20
# Tokens that are encoded at once, which takes several times the memory of the result.
ENCODED_TOKENS = 1 << 14


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How to store each column: differences of numbers are faster to compress than numbers, and as small.

    Columns with one value for each sentence are mostly constant or count up, so that nothing is left to compress.
    """
    encodings, compression = {}, {}
    for field in schema:
        is_list = pa.types.is_list(field.type)
        path, values = (f"{field.name}.list.element", field.type.value_type) if is_list else (field.name, field.type)
        if pa.types.is_integer(values):
            encodings[path] = "DELTA_BINARY_PACKED"
        elif pa.types.is_string(values):
            encodings[path] = "DELTA_LENGTH_BYTE_ARRAY"
        compression[path] = "zstd" if is_list or field.name == "source_text" else "none"
    return {"column_encoding": encodings, "compression": compression, "use_dictionary": False}


def row_group_tokens(num_tokens: int) -> int:
    """The most tokens of a row group in a shard of so many; a longer sentence is a row group of its own."""
    return min(max(LEAST_GROUP_TOKENS, -(-num_tokens // GROUPS_PER_SHARD)), MOST_GROUP_TOKENS)


class Writing(NamedTuple):
    """What all shards have in common."""

    cells: ShardCells
    encoder: ShardEncoder
    directory: Path


class WriteTask(NamedTuple):
    writing: Carried[Writing]
    # The shards of each split.
    shards: Sequence[tuple[int, range]]


def _write_shard(writing: Writing, split_id: int, shard: int, progress: Callable[[int], object]) -> ShardFile:
    """Write one Parquet file; returns its entry for the index."""
    cells, encoder, _ = writing
    path = writing.directory / f"{cells.splits[split_id]}-{shard:05d}.parquet"
    rows_B, tokens_B = cells.rows_SHB[split_id, shard], cells.tokens_SHB[split_id, shard]
    with temporary_beside(path) as partial:
        with pq.ParquetWriter(
            str(partial),
            encoder.schema,
            write_statistics=False,
            write_page_checksum=True,
            **parquet_options(encoder.schema),
        ) as writer:
            for piece in read_shard(cells, split_id, shard, row_group_tokens(int(tokens_B.sum()))):
                # In a function of its own, so that its table is gone before the next piece is read.
                _write_piece(writer, encoder, piece, cells.edges)
                progress(len(piece.token_M))
        os.replace(partial, path)
    return ShardFile(path.name, path.stat().st_size, file_sha256(path), rows_B.tolist(), tokens_B.tolist())


def _write_piece(writer: pq.ParquetWriter, encoder: ShardEncoder, piece: ShardSentences, edges: list[int]) -> None:
    # Encoding all buckets of a piece at once is faster than one by one. Each becomes a row group.
    parts = parts_of(piece, ENCODED_TOKENS)
    # One chunk, because the pages of a file depend on the chunks.
    table, begin = pa.concat_tables(map(encoder.encode, parts)).combine_chunks(), 0
    for num_rows in filter(None, np.bincount(bucket_ids(piece.length_N, edges)).tolist()):
        writer.write_table(table.slice(begin, num_rows), row_group_size=num_rows)
        begin += num_rows


def write_part(task: WriteTask, advance: Advance) -> list[list[ShardFile]]:
    """The entries of the shards of each split."""
    writing = task.writing.get()

    def write_split(shards: tuple[int, range], go_on: Callable[[], None]) -> list[ShardFile]:
        def written(num_tokens: int) -> None:
            go_on()
            advance(num_tokens)

        split_id, numbers = shards
        return [_write_shard(writing, split_id, shard, written) for shard in numbers]

    # Never two files of one split at a time: an open file keeps the description of every row group in memory, and train
    # has many of them.
    return side_by_side(write_split, task.shards)


def write_shards(
    cells: ShardCells,
    encoder: ShardEncoder,
    directory: Path,
    spill: Path,
    executor: Executor,
    progress: Callable[[int], object],
) -> dict[str, list[ShardFile]]:
    """Write all shards of all splits, and of their raw sentences.

    `progress` gets the number of tokens just written, of one worker from several threads.
    """
    writing = Carried(Writing(cells, encoder, directory), spill / "writing", is_shared=True)
    num_shards = cells.rows_SHB.shape[1]
    whole = [(split_id, range(num_shards)) for split_id in range(len(cells.splits))]
    if executor.num_workers == 1:
        tasks = [WriteTask(writing, whole)]
    else:
        tasks = [WriteTask(writing, [(split_id, range(h, h + 1))]) for split_id, shards in whole for h in shards]
    found: dict[str, list[ShardFile]] = {split: [] for split in cells.splits}
    for task, entries in zip(tasks, executor.run("write", write_part, tasks, progress)):
        for (split_id, _), some in zip(task.shards, entries):
            found[cells.splits[split_id]] += some
    return found
