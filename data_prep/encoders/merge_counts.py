"""Counts of more texts than memory holds: sorted runs on disk, merged block by block into those that are kept.

A run has texts in ascending order of their code points, each once, and how often each occurs: what one part of a corpus
has counted. The result does not depend on how the counts are spread over runs.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ner_dist.atomic_file import whole_binary_file

SCHEMA = pa.schema([("text", pa.large_string()), ("count", pa.int64())])
# Texts of a run that are in memory at once, and the most runs to merge at once: so many blocks are in memory.
BLOCK_TEXTS = 1 << 14
FAN_IN = 64
# An Arrow file, or what could be in one.
Run = Union[Path, pa.Table]


class MergedCounts(NamedTuple):
    """The texts that are kept, by descending count, then text."""

    texts: list[str]
    counts: list[int]
    # Of all texts, kept or not: how many, and how often they occur.
    num_texts: int
    total: int


def run_of(texts: Sequence[str] | pa.Array, counts: Sequence[int] | np.ndarray) -> pa.Table:
    """What was counted, in any order; if a text repeats, its counts add up, and what occurs 0 times is left out."""
    table = pa.table([pa.array(texts, pa.large_string()), pa.array(counts, pa.int64())], SCHEMA)
    return _sums(table.filter(pc.greater(table["count"], 0)))


def write_run(path: Path, run: pa.Table) -> Path:
    _write(path, [run])
    return path


def merge_runs(runs: Sequence[Run], path: Path) -> None:
    """Write one run with the sums of several."""
    _write(path, merged_blocks(runs))


def merge_counts(
    runs: Sequence[Run],
    min_count: int = 1,
    max_texts: int | None = None,
    always: Container[str] = (),
    never: Container[str] = (),
) -> MergedCounts:
    """The texts that occur min_count times or more in all runs together, and of these the max_texts most frequent.

    always: texts that need to occur only once, and that are kept beside those. never: texts that are not kept. Memory
    is that of the kept texts and of a block of each run.
    """
    kept, others, num_texts, total = [], _MostFrequent(max_texts), 0, 0
    for table in merged_blocks(runs):
        num_texts, total = num_texts + len(table), total + pc.sum(table["count"]).as_py()
        if always:
            is_always = _is_in(table, always)
            kept.append(table.filter(is_always))
            table = table.filter(pc.invert(is_always))
        if never:
            table = table.filter(pc.invert(_is_in(table, never)))
        others.add(table.filter(pc.greater_equal(table["count"], min_count)))
    found = _by_count(pa.concat_tables([SCHEMA.empty_table(), *kept, others.table()]))
    return MergedCounts(found["text"].to_pylist(), found["count"].to_pylist(), num_texts, total)


def _is_in(table: pa.Table, texts: Container[str]) -> pa.Array:
    return pa.array([text in texts for text in table["text"].to_pylist()], pa.bool_())


class _MostFrequent:
    """Collects texts and forgets those that cannot be among the most frequent ones."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._tables = [SCHEMA.empty_table()]
        self._num_texts = 0

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._num_texts += len(table)
        if self._most is not None and self._num_texts > 2 * self._most + BLOCK_TEXTS:
            self._tables = [self.table()]
            self._num_texts = len(self._tables[0])

    def table(self) -> pa.Table:
        table = pa.concat_tables(self._tables)
        # combine_chunks, or what is forgotten would stay in memory as part of its block.
        return table if self._most is None else _by_count(table)[: self._most].combine_chunks()


class _Blocks:
    """A run that is read block by block."""

    def __init__(self, run: Run, open_files: ExitStack) -> None:
        self._batches = _file_batches(run, open_files) if isinstance(run, Path) else _table_batches(run)
        # The part of its block that is not yet taken; empty at the end of the run.
        self.block = SCHEMA.empty_table()
        self._read()

    def _read(self) -> None:
        while not len(self.block) and (batch := next(self._batches, None)) is not None:
            self.block = pa.Table.from_batches([batch])

    @property
    def last(self) -> str:
        return self.block["text"][-1].as_py()

    def take(self, bound: str) -> pa.Table:
        """What is in memory of the texts up to this one, which then are taken. Reads on if nothing is left."""
        num_taken = pc.sum(pc.less_equal(self.block["text"], pa.scalar(bound, pa.large_string()))).as_py()
        taken, self.block = self.block[:num_taken], self.block[num_taken:]
        self._read()
        return taken


def _file_batches(path: Path, open_files: ExitStack) -> Iterator[pa.RecordBatch]:
    reader = open_files.enter_context(pa.ipc.open_file(open_files.enter_context(pa.OSFile(str(path)))))
    return (reader.get_batch(number) for number in range(reader.num_record_batches))


def _table_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    return iter(table.to_batches(max_chunksize=BLOCK_TEXTS))


def merged_blocks(runs: Sequence[Run]) -> Iterator[pa.Table]:
    """The sums of several runs, in order, with a block of each run in memory at once."""
    with ExitStack() as open_files:
        left = [_Blocks(run, open_files) for run in runs]
        while left := [run for run in left if len(run.block)]:
            # Of no run can a text up to this one be beyond its block. Python and Arrow order texts alike.
            bound = min(run.last for run in left)
            table = pa.concat_tables([run.take(bound) for run in left])
            yield _sums(table) if len(left) > 1 else table


def _sums(table: pa.Table) -> pa.Table:
    """Each text once, in order."""
    sums = table.group_by("text", use_threads=False).aggregate([("count", "sum")])
    return sums.select(["text", "count_sum"]).rename_columns(SCHEMA.names).sort_by("text")


def _by_count(table: pa.Table) -> pa.Table:
    return table.take(pc.sort_indices(table, [("count", "descending"), ("text", "ascending")]))


def _write(path: Path, tables: Iterator[pa.Table] | list[pa.Table]) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with whole_binary_file(path) as file, pa.ipc.new_file(file, SCHEMA, options=options) as writer:
        for table in tables:
            writer.write_table(table.combine_chunks(), max_chunksize=BLOCK_TEXTS)
