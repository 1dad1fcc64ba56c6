"""Corpus files -> a complete shard set: read, resolve, fit, deal to shards, write Parquet, index.json last."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from data_prep.encoders.lexicon_files import lexicons
from data_prep.encoders.word_vectors import write_vectors
from data_prep.formats.text_source import Progress
from data_prep.passes.buckets import bucket_ids
from data_prep.passes.encode import Encoding, encode, write_vocabs
from data_prep.passes.prepare import Prepared, prepare, split_stats
from data_prep.passes.shard_pass import ShardReader, deal, read_shard
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.staging import check_output, staged
from data_prep.threads import side_by_side
from ner_dist.contract.shard_format import Index, ShardFile, VectorsFile, file_sha256, write_index

# Tokens that are encoded at once, the most that a row group holds.
MAX_PIECE_TOKENS = 1 << 14


def _write_piece(writer: pq.ParquetWriter, sentences: ShardReader, edges: list[int], encoding: Encoding) -> list[int]:
    """Write a row group for each bucket of a piece; returns their sizes."""
    # One encoding for all the small buckets of a piece: quicker than one each.
    table = encode(sentences, encoding)
    begin, row_groups = 0, []
    for num_rows in filter(None, np.bincount(bucket_ids(sentences.length_N, edges)).tolist()):
        writer.write_table(table.slice(begin, num_rows), row_group_size=num_rows)
        row_groups.append(num_rows)
        begin += num_rows
    return row_groups


def _write_shard(
    path: Path, pieces: Iterator[ShardReader], edges: list[int], encoding: Encoding, progress: Callable[[int], object]
) -> list[int]:
    """Write one Parquet file. Returns the sizes of its row groups."""
    row_groups = []
    with pq.ParquetWriter(
        str(path),
        encoding.schema,
        compression="zstd",
        use_dictionary=["text.list.element"],
        write_statistics=False,
        write_page_checksum=True,
    ) as writer:
        for sentences in pieces:
            row_groups += _write_piece(writer, sentences, edges, encoding)
            progress(len(sentences.token_M))
    return row_groups


def write_shards(
    prepared: Prepared, settings: Settings, directory: Path, spill: Path, progress: Callable[[int], object]
) -> dict[str, list[ShardFile]]:
    """Deal the sentences of every split to its shards. `progress` is told of tokens written, by several threads."""
    edges, splits = prepared.edges, prepared.resolved.splits
    dealt = deal(prepared.resolved, spill, edges, settings.num_shards)
    prepared.resolved.path.unlink()

    def write_split(split_id: int, go_on: Callable[[], None]) -> list[ShardFile]:
        def written(num_tokens: int) -> None:
            go_on()
            progress(num_tokens)

        entries = []
        for shard in range(settings.num_shards):
            path = directory / f"{splits[split_id]}-{shard:05d}.parquet"
            pieces = read_shard(dealt, split_id, shard, MAX_PIECE_TOKENS)
            row_groups = _write_shard(path, pieces, edges, prepared.encoding, written)
            rows_B, tokens_B = dealt.rows_SHB[split_id, shard], dealt.tokens_SHB[split_id, shard]
            assert sum(row_groups) == rows_B.sum()
            entries.append(
                ShardFile(
                    path.name, path.stat().st_size, file_sha256(path), rows_B.tolist(), tokens_B.tolist(), row_groups
                )
            )
        return entries

    # Not two files of a split at a time: an open one keeps the description of every row group in memory, and those of
    # train are many.
    return dict(zip(splits, side_by_side(write_split, range(len(splits)))))


def _write_vectors(prepared: Prepared, directory: Path) -> VectorsFile | None:
    found, vectors = prepared.encoding.words.found, prepared.vectors
    if found is None or vectors is None:
        return None
    return write_vectors(directory, found.row_I, found.first_unseen, vectors.matrix_RD)


def build(
    sources: dict[str, Path],
    settings: Settings,
    out: Path,
    problems: Problems,
    read_progress: Progress | None = None,
    write_progress: Callable[[int], object] = lambda num_tokens: None,
) -> Index:
    """Build the shard set `out` from the files of the splits; an older one stays until the new one is complete.

    Raises CorpusError listing what is wrong with the corpus, SettingsError for a lexicon's folder or names,
    OutputError if `out` must not be replaced.
    """
    lists = [("lexicon", lexicon.path) for lexicon in lexicons(settings)]
    check_output(out, [*sources.values(), *map(Path, settings.vectors), *(path for _, path in lists)])
    with staged(out) as (directory, spill):
        prepared = prepare(sources, settings, spill, problems, read_progress)
        problems.raise_errors()
        assert prepared is not None
        splits = write_shards(prepared, settings, directory, spill, write_progress)
        used = [("vectors", path) for path in prepared.vectors.files] if prepared.vectors else []
        index = Index(
            entity_types=prepared.resolved.entity_types,
            bucket_edges=prepared.edges,
            features=prepared.encoding.shard_features(),
            vocab=write_vocabs(directory, prepared.encoding.vocabs()),
            vectors=_write_vectors(prepared, directory),
            splits=splits,
            stats={split: split_stats(prepared, split_id) for split_id, split in enumerate(prepared.resolved.splits)},
            sources=[
                {"split": split, "name": path.name, "num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
                for split, path in [*sources.items(), *lists, *used]
            ],
            settings={
                **dataclasses.asdict(settings),
                "split": list(settings.split),
                # Names alone: the same input gives the same bytes wherever it lies.
                "vectors": [Path(path).name for path in settings.vectors],
                "lexicon": settings.lexicon and Path(settings.lexicon).name,
                "scheme_found": prepared.resolved.scheme.name,
            },
            warnings=dict(sorted(problems.warnings.items())),
        )
        write_index(directory, index)
    return index
