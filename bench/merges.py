"""The merges of a preparation that is too large for this machine, on made-up summaries of its partitions.

    python -m bench.merges --tokens 1e11 --partitions 10000 --shards 4096

What workers do to the corpus itself is not part of it. Axes: P partitions, S splits, B buckets, L lengths.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.made_summaries import made_index, made_lengths, write_made_run
from bench.measured_on import commit, hardware
from data_prep.encoders.merge_counts import FAN_IN, merge_counts, merge_runs
from data_prep.passes.buckets import bucket_ids, optimal_edges
from data_prep.passes.shard_cells import PartCells
from data_prep.passes.shard_pass import where_parts_begin
from data_prep.passes.write_pass import parquet_options, row_group_tokens
from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.text_table import text_table
from ner_dist.contract.index_record import INDEX_NAME, SPLITS, Feature
from ner_dist.contract.shard_format import read_index, shard_schema, write_index

ASSUMPTIONS = """\
Words: of n tokens about 10 n^0.65 are distinct (Heaps' law), up to 17 characters long. One in {sample} is merged here;
time and bytes of the merges of words are {sample} times those measured, their memory is as measured.
Sentences: lengths log-normal, 22 tokens on average, and as many partitions as files.
Networks and shared storage are not part of the times: files lie on this machine's disk."""
_TOKENS_A_SENTENCE = 22
_NUM_TAGS = 17
# Of which the sizes of cells are added up; the time is scaled.
_FEW_PARTITIONS = 100


@dataclasses.dataclass(frozen=True)
class MergesOptions:
    """Measure the merges of a preparation on made-up summaries of partitions."""

    tokens: float = 1e11
    """tokens of the corpus"""
    partitions: int = option(10_000, least=1)
    """its partitions"""
    shards: int = option(4096, least=1)
    """shards of each split"""
    buckets: int = option(32, least=1)
    """length buckets"""
    max_words: int = option(1_000_000, least=1)
    """words of the vocabulary"""
    sample: int = option(100, least=1)
    """merge every N-th word"""


class Merge(NamedTuple):
    name: str
    # Of one merge: CPU seconds, memory beyond that of the process before, bytes read and written.
    cpu_s: float
    peak_bytes: float
    read_bytes: float
    written_bytes: float = 0
    # How many there are; several are on workers.
    times: int = 1


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...], connection: Any) -> None:
    before, began = _peak_bytes(), time.process_time()
    result = function(*arguments)
    connection.send((result, time.process_time() - began, _peak_bytes() - before))


def alone(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """What a function returns in a process of its own, its CPU seconds, and the bytes by which it raised the peak."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measured, args=(function, arguments, sender))
    child.start()
    sender.close()
    found = receiver.recv()
    child.join()
    return tuple(found)


def _merged_words(paths: list[Path], folder: Path, max_words: int) -> int:
    return len(merge_counts(paths, folder, 2, max_words).texts)


def word_merges(options: MergesOptions, folder: Path) -> Iterator[Merge]:
    """Runs of FAN_IN partitions to one, on workers; then all of these to the vocabulary."""
    generator = np.random.default_rng(0)
    num_groups = -(-options.partitions // FAN_IN)

    def runs(name: str, number: int, tokens: float) -> list[Path]:
        paths = [folder / f"{name}-{i}.arrow" for i in range(number)]
        for path in paths:
            write_made_run(path, tokens, options.sample, generator)
        return paths

    part = runs("part", min(FAN_IN, options.partitions), options.tokens / options.partitions)
    _, cpu_s, peak = alone(merge_runs, part, folder / "group.arrow")
    sizes = [sum(path.stat().st_size for path in paths) for paths in (part, [folder / "group.arrow"])]
    scale = options.sample
    name = f"counts of {len(part)} partitions to a run"
    yield Merge(name, scale * cpu_s, peak, scale * sizes[0], scale * sizes[1], num_groups)
    groups = runs("group", num_groups, options.tokens / num_groups)
    _, cpu_s, peak = alone(_merged_words, groups, folder, options.max_words)
    size = sum(path.stat().st_size for path in groups)
    yield Merge(f"{num_groups} runs to the vocabulary", scale * cpu_s, peak, scale * size)


def _edges(num_partitions: int, num_sentences: float, num_buckets: int) -> list[int]:
    part_L = made_lengths(num_sentences / num_partitions)
    total_SL = np.zeros((len(SPLITS), len(part_L)), np.int64)
    for _ in range(num_partitions):
        total_SL += part_L
    return optimal_edges(total_SL.sum(0), num_buckets)


def _dealing(num_partitions: int, num_sentences: float, edges: list[int]) -> int:
    """Bytes of where each partition's sentences begin."""
    length_L = made_lengths(num_sentences / num_partitions)
    rows_B = np.bincount(bucket_ids(np.arange(len(length_L)), edges), length_L, len(edges)).astype(np.int64)
    rows_PSB = np.tile(rows_B, (num_partitions, len(SPLITS), 1))
    return sum(int(array.nbytes) for array in where_parts_begin(rows_PSB))


def _sizes(path: Path, num_partitions: int) -> None:
    part = PartCells(path, path, path)
    total_2C = np.zeros_like(part.sizes())
    for _ in range(num_partitions):
        total_2C += part.sizes()


def corpus_merges(options: MergesOptions, folder: Path) -> Iterator[Merge]:
    num_sentences = options.tokens / _TOKENS_A_SENTENCE
    edges, cpu_s, peak = alone(_edges, options.partitions, num_sentences, options.buckets)
    size = options.partitions * len(SPLITS) * len(made_lengths(1)) * 8
    yield Merge("lengths to the bucket edges", cpu_s, peak, size)
    size, cpu_s, peak = alone(_dealing, options.partitions, num_sentences, edges)
    yield Merge("rows of buckets to where each partition's dealing begins", cpu_s, peak, size, size)
    starts = np.arange(2 * (len(SPLITS) * options.shards * options.buckets + 1)).reshape(2, -1)
    np.save(folder / "starts.npy", starts)
    few = min(_FEW_PARTITIONS, options.partitions)
    _, cpu_s, peak = alone(_sizes, folder / "starts.npy", few)
    cpu_s *= options.partitions / few
    yield Merge("sizes of all cells to those of the shards", cpu_s, peak, options.partitions * starts.nbytes)
    _, cpu_s, peak = alone(_write_made_index, folder, options.tokens, options.shards, options.partitions, edges)
    size = (folder / INDEX_NAME).stat().st_size
    yield Merge("entries of shards to index.json", cpu_s, peak, size, size)
    _, cpu_s, peak = alone(_read_made_index, folder)
    yield Merge("index.json read and checked, on each rank", cpu_s, peak, size)


def _write_made_index(folder: Path, tokens: float, shards: int, sources: int, edges: list[int]) -> None:
    write_index(folder, made_index(folder, tokens, shards, sources, edges))


def _read_made_index(folder: Path) -> None:
    read_index(folder)


def footer_bytes(num_row_groups: int) -> int:
    """Of a shard without texts and with one token feature."""
    schema = shard_schema(_NUM_TAGS, [Feature("caps", 7)], has_text=False)
    row: dict[str, Any] = {field.name: [1] if pa.types.is_list(field.type) else 1 for field in schema}
    row.update(record="", document="", recut=False, text=["a"])
    table, sink = pa.Table.from_pylist([row], schema), pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, write_statistics=False, **parquet_options(schema)) as writer:
        for _ in range(num_row_groups):
            writer.write_table(table)
    return int(pq.read_metadata(pa.BufferReader(sink.getvalue())).serialized_size)


def footers(options: MergesOptions) -> str:
    tokens = int(options.tokens / options.shards)
    # A bucket's last row group is not full.
    num_groups = min(-(-tokens // row_group_tokens(tokens)) + options.buckets, tokens)
    size = footer_bytes(num_groups)
    return (
        f"Footers: {num_groups} row groups of up to {row_group_tokens(tokens):,} tokens a shard, {size / 1e3:.1f} kB a "
        f"file, {size * options.shards / 1e6:.0f} MB of all {options.shards:,} shards of train"
    )


def table(merges: list[Merge]) -> list[str]:
    rows = [
        [
            merge.name,
            f"{merge.times:,}",
            f"{merge.cpu_s:,.1f}",
            f"{merge.peak_bytes / 1e6:,.0f}",
            f"{merge.times * merge.read_bytes / 1e6:,.1f}",
            f"{merge.times * merge.written_bytes / 1e6:,.1f}",
        ]
        for merge in merges
    ]
    heading = ["merge", "how many", "CPU s each", "MB of memory", "MB read by all", "MB written by all"]
    return text_table(heading, rows)


def main() -> None:
    parser = make_parser(
        MergesOptions, "python -m bench.merges", usage="[options]", example="--tokens 1e11 --partitions 10000"
    )
    options = read_options(MergesOptions, parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        merges = [*word_merges(options, Path(folder)), *corpus_merges(options, Path(folder))]
    print(f"{hardware()}, commit {commit()}\n{options}\n{ASSUMPTIONS.format(sample=options.sample)}\n")
    print("\n".join([*table(merges), "", footers(options)]))


if __name__ == "__main__":
    main()
