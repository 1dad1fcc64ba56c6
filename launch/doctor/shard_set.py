"""What index.json says of a shard set, read without numpy or pyarrow, which may be what is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

# Of a token in memory: word, form, tag and some features; of a sentence beside its tokens.
_TOKEN_BYTES, _SENTENCE_BYTES = 16, 32
_DEFAULT_UNITS = 100


class ShardSet(NamedTuple):
    num_shards: int = 0
    # Path within the set -> size of every file.
    files: dict[str, int] = {}  # noqa: RUF012, never changed
    # What all ranks together hold of it, and the words' vectors, which every rank holds.
    held_bytes: int = 0
    vector_bytes: int = 0
    # What is learnt of words, a copy.
    learnt_bytes: int = 0


def read_shard_set(directory: str) -> ShardSet | str:
    """The set, or the end of a sentence that says why it is none."""
    path = Path(directory) / "index.json"
    if not path.is_file():
        if path.parent.is_dir():
            return "holds no index.json, so it was never completed"
        return "is no directory" if path.parent.exists() else "does not exist"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["version"]
        if record["format"] != "ner-shards" or version != 2:
            return f"is of format {record['format']}, version {version}, and this code reads ner-shards, version 2"
        shards = [shard for split in record["splits"].values() for shard in split]
        entries = [*record["vocab"].values(), *shards, *([record["vectors"]] if record["vectors"] else [])]
        words = record["vocab"]["word"]["num_values"]
        units, learnt = _DEFAULT_UNITS, words
        if record["vectors"]:
            units, learnt = record["vectors"]["num_units"], record["vectors"]["first_unseen"]
        return ShardSet(
            len(record["splits"].get("train", [])),
            {entry["path"]: entry["num_bytes"] for entry in entries},
            sum(_TOKEN_BYTES * sum(shard["tokens"]) + _SENTENCE_BYTES * sum(shard["rows"]) for shard in shards),
            4 * words * units,
            4 * learnt * units,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"has an index.json that cannot be read ({type(error).__name__}: {error})"
