"""One shard file -> tables of selected rows, checked against the index. Axis R: rows of a table.

MXNet silently clips ids that are out of range, so all that training will use is checked (contract/shard_tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ner_dist.contract.shard_format import Index
from ner_dist.contract.shard_tables import VerifiedShard, parquet_file, read_groups
from ner_dist.contract.shard_tables import open_shard as open_shard
from ner_dist.data.chapters import RowSelection

# Row groups are read together until they may have this many tokens.
_TOKENS_PER_READ = 1 << 16


def read_rows(shard: VerifiedShard, index: Index, selections: list[RowSelection]) -> Iterator[pa.Table]:
    """The training columns of the selected rows, in file order, a few row groups at a time.

    selections: ascending by row group. Raises ShardError naming the file and what is wrong with it.
    """
    names = ["sentence_id", "length", "word", "char", "token_chars", "tag", *(f.name for f in index.features)]
    with parquet_file(shard, index, names) as file:
        for few in _reads(shard, index, selections):
            table = read_groups(shard, file, index, [selection.group for selection in few], names)
            yield _select(shard, table, few)


def read_columns(shard: VerifiedShard, index: Index, names: list[str]) -> pa.Table:
    """These columns of all rows, checked. Raises ShardError naming the file and what is wrong with it."""
    with parquet_file(shard, index, [*names, "length"]) as file:
        return read_groups(shard, file, index, list(range(file.num_row_groups)), names)


def _reads(shard: VerifiedShard, index: Index, selections: list[RowSelection]) -> Iterator[list[RowSelection]]:
    """The selections in lists whose row groups have not many more than _TOKENS_PER_READ tokens together."""
    few, most_tokens = [], 0
    for selection in selections:
        few.append(selection)
        longest = index.bucket_edges[shard.bucket_of_group[selection.group]]
        most_tokens += int(shard.rows_of_group[selection.group]) * longest
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
        end = begin + int(shard.rows_of_group[group])
        if rows is not None:
            wanted[begin:end] = False
            wanted[begin + rows] = True
        begin = end
    return table.filter(pa.array(wanted))
