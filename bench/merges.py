"""The merges of a preparation that is too large for this machine, on made-up summaries of its partitions.

    python -m bench.merges --tokens 1e11 --partitions 10000 --shards 4096

What workers do to the corpus itself is not part of it. Axes: P partitions, S splits, B buckets, L lengths.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.made_summaries import made_index, made_lengths
from bench.measured_merge import Merge, MergesOptions, alone
from bench.measured_on import commit, hardware
from bench.word_merges import word_merges
from data_prep.passes.buckets import bucket_ids, optimal_edges
from data_prep.passes.shard_cells import PartCells
from data_prep.passes.shard_pass import where_parts_begin
from data_prep.passes.write_pass import parquet_options, row_group_tokens
from ner_dist.cli.options import make_parser, read_options
from ner_dist.cli.text_table import text_table
from ner_dist.contract.index_record import INDEX_NAME, SPLITS, Feature
from ner_dist.contract.shard_format import read_index, shard_schema, write_index

ASSUMPTIONS = """\
Words: of n tokens about 10 n^0.65 are distinct (Heaps' law), up to 17 characters long. One in {sample} is merged here;
time and bytes of the merges of words are {sample} times those measured. Their memory does not grow with the words, but
with those of the vocabulary: at most --max-words of those that occur twice here.
Sentences: lengths log-normal, 22 tokens on average, and as many partitions as files.
Networks and shared storage are not part of the times: files lie on this machine's disk."""
_TOKENS_A_SENTENCE = 22
_NUM_TAGS = 17
# Of which the sizes of cells are added up; the time is scaled.
_FEW_PARTITIONS = 100


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
        place = Path(folder)
        measured = (merges_of(options, place) for merges_of in (word_merges, corpus_merges))
        merges = list(itertools.chain(*measured))
    print(f"{hardware()}, commit {commit()}\n{options}\n{ASSUMPTIONS.format(sample=options.sample)}\n")
    print("\n".join([*table(merges), "", footers(options)]))


if __name__ == "__main__":
    main()
