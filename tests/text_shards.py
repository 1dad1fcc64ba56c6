"""Shard sets with texts, written row by row without data_prep, and a network whose emissions depend on words alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import (
    CHAR_TYPES,
    Index,
    ShardFile,
    VocabFile,
    file_sha256,
    read_index,
    shard_schema,
    write_index,
)
from ner_dist.data.batch import Batch
from ner_dist.model.crf import TransitionScores, zero_transition_scores

TYPES = ["X", "Y", "Z"]
NUM_WORDS = 25
NUM_TAGS = 1 + 4 * len(TYPES)
EDGES = [4, 60]


class TextRow(NamedTuple):
    sentence_id: int
    words: list[int]
    tags: list[int]
    # Places in the record's text.
    tokens: list[str]
    starts: list[int]
    # (start, end, type id) in the record's text.
    spans: list[tuple[int, int, int]]
    recut: bool = False


class WordNetwork:
    """Emissions are a random row for each word id, with a random part for the word before."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.emission_VK, self.before_VK = rng.normal(0, 2, (2, NUM_WORDS, NUM_TAGS))
        self.transition_scores: TransitionScores = zero_transition_scores(NUM_TAGS)
        self.temperature = 1.0

    def emissions(self, batch: Batch) -> np.ndarray:
        word_TB = batch.word_ids_W[batch.word_TB]
        before_TB = np.roll(word_TB, 1, axis=0)
        before_TB[0] = 0
        return self.emission_VK[word_TB] + self.before_VK[before_TB]


def write_text_shards(
    directory: Path, main: list[TextRow], raw: list[TextRow] | None, num_shards: int, **stats: Any
) -> Index:
    """A set with the same rows as train, dev and test. raw: raw rows of dev and test; None if they have none."""
    (directory / "vocab").mkdir(parents=True)
    vocab = {}
    contents: dict[str, dict[str, Any]] = {
        "word": {"values": [f"w{i}" for i in range(NUM_WORDS)], "counts": [1] * NUM_WORDS},
        "char": {"values": list("abcdefgh"), "counts": [1] * 8, "types": [i % len(CHAR_TYPES) for i in range(8)]},
    }
    for name, content in contents.items():
        path = directory / "vocab" / f"{name}.json"
        path.write_text(json.dumps(content))
        size = len(content["values"])
        vocab[name] = VocabFile(f"vocab/{name}.json", path.stat().st_size, file_sha256(path), size)
    splits = ("train", "dev", "test")
    index = Index(
        entity_types=TYPES,
        bucket_edges=EDGES,
        features=[],
        vocab=vocab,
        vectors=None,
        splits={split: _write_split(directory, split, main, num_shards) for split in splits},
        raw={} if raw is None else {s: _write_split(directory, f"{s}-raw", raw, num_shards) for s in splits[1:]},
        has_text=True,
        tokenizer={"name": "rules", "language": "en", "version": "1", "applied": True},
        stats={split: {**_stats(main), **stats} for split in splits},
        sources=[{"split": "train", "name": "texts.jsonl", "num_bytes": 0, "sha256": ""}],
        settings={"keep_case": False, "keep_digits": False, "max_chars": 128},
        warnings={},
    )
    write_index(directory, index)
    return read_index(directory)


def _stats(rows: list[TextRow]) -> dict[str, Any]:
    lengths = [len(row.words) for row in rows]
    counts = {"num_sentences": len(rows), "num_tokens": sum(lengths), "documents": 0, "unknown_words": 0}
    by_name = {"entities": dict.fromkeys(TYPES, 0), "tags": {}, "inexpressible": {}}
    return {**counts, **by_name, "padding_to_edge": 0.0, "longest": max(lengths, default=0)}


def _write_split(directory: Path, name: str, rows: list[TextRow], num_shards: int) -> list[ShardFile]:
    """Dealt in turn, like data_prep's."""
    ordered = sorted(rows, key=lambda row: int(np.searchsorted(EDGES, len(row.words))))
    return [write_shard(directory / f"{name}-{s:05d}.parquet", ordered[s::num_shards]) for s in range(num_shards)]


def write_shard(path: Path, rows: list[TextRow]) -> ShardFile:
    """A file with rows in the order of their buckets; one row group a bucket."""
    schema = shard_schema(NUM_TAGS, [], has_text=True)
    bucket_R = np.searchsorted(EDGES, [len(row.words) for row in rows])
    table = pa.Table.from_pylist([_record(row) for row in rows], schema)
    sizes, begin = np.bincount(bucket_R, minlength=len(EDGES)).tolist(), 0
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for size in filter(None, sizes):
            writer.write_table(table.slice(begin, size), row_group_size=size)
            begin += size
    tokens = np.bincount(bucket_R, [len(row.words) for row in rows], len(EDGES)).astype(int).tolist()
    return ShardFile(path.name, path.stat().st_size, file_sha256(path), sizes, tokens)


def _record(row: TextRow) -> dict[str, Any]:
    length = len(row.words)
    return {
        "sentence_id": row.sentence_id,
        "length": length,
        "source": 0,
        "line": row.sentence_id + 1,
        "record": f"r{row.sentence_id}",
        "document": "" if row.sentence_id % 2 else "d",
        "recut": row.recut,
        "word": row.words,
        "char": [1 + word % 7 for word in row.words],
        "token_chars": [1] * length,
        "tag": row.tags,
        "text": row.tokens,
        "source_text": " ".join(row.tokens) if row.starts else "",
        "text_start": row.starts[0] if row.starts else 0,
        "start": row.starts,
        "spans": [number for span in row.spans for number in span],
    }
