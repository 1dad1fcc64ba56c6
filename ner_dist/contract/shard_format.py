"""The contract between data_prep, which writes shards, and ner_dist, which reads them.

A shard set is a directory: `index.json` (written last, its presence means complete), `vocab/*.json`,
`vectors.npy` if there are pretrained word vectors, and one Parquet file a shard, `<split>-<shard>.parquet`.
Rows are sentences ordered by length bucket; a row group never mixes buckets. All shards of a split have the
same number of sentences in each bucket, give or take one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ner_dist.errors import UserError

FORMAT = "ner-shards"
VERSION = 2
INDEX_NAME = "index.json"
VECTORS_NAME = "vectors.npy"
SPLITS = ("train", "dev", "test")

# Ids fixed in every vocabulary. An unknown character keeps its class: one UNK a character type.
PAD_ID = 0
UNK_ID = 1
CHAR_TYPES = ("pad", "upper", "lower", "punct", "other")
CHAR_UNK_IDS = {"upper": 1, "lower": 2, "punct": 3, "other": 4}
NUM_CHAR_SPECIALS = 5


class ShardError(UserError):
    """Shards that are absent, half-built, damaged, or not what the index says."""


@dataclasses.dataclass(frozen=True)
class Feature:
    """A token feature: one small id per token. Declared here once; shards, reader and model follow.

    `num_values` counts the ids, of which 0 is padding and 1 is unknown. The names of the ids are in
    `vocab/<name>.json`; the shard column bears the feature's name.
    """

    name: str
    num_values: int


@dataclasses.dataclass(frozen=True)
class ShardFile:
    """One Parquet file of one split, as the index describes it."""

    path: str
    num_bytes: int
    sha256: str
    # Sentences and tokens in each bucket, by bucket id.
    rows: list[int]
    tokens: list[int]
    # Rows of each row group, in file order.
    row_groups: list[int]


@dataclasses.dataclass(frozen=True)
class VocabFile:
    path: str
    num_bytes: int
    sha256: str
    num_values: int


@dataclasses.dataclass(frozen=True)
class VectorsFile:
    """Pretrained word vectors: float32 .npy (V, D), a row for each word id, all NaN where a word has none."""

    path: str
    num_bytes: int
    sha256: str
    num_units: int
    # Word ids from here on come from the vectors alone; no sentence of train holds them.
    first_unseen: int


@dataclasses.dataclass(frozen=True)
class Index:
    """Everything a reader needs to know about a shard set before it opens a shard."""

    entity_types: list[str]
    # Bucket b holds the sentences of bucket_edges[b - 1] < length <= bucket_edges[b].
    bucket_edges: list[int]
    features: list[Feature]
    # "word", "char" and one per feature.
    vocab: dict[str, VocabFile]
    vectors: VectorsFile | None
    splits: dict[str, list[ShardFile]]
    # Entities by type, tokens by tag and other facts of each split, for reports and loss weights.
    stats: dict[str, Any]
    # Name, size and sha256 of each source; the preparation's settings; counts of what was repaired or odd.
    sources: list[dict[str, Any]]
    settings: dict[str, Any]
    warnings: dict[str, int]

    @property
    def num_tags(self) -> int:
        return 1 + 4 * len(self.entity_types)

    @property
    def num_buckets(self) -> int:
        return len(self.bucket_edges)

    def num_sentences(self, split: str) -> int:
        return sum(sum(shard.rows) for shard in self.splits[split])

    def num_tokens(self, split: str) -> int:
        return sum(sum(shard.tokens) for shard in self.splits[split])

    def fingerprint(self) -> str:
        """Identifies the data by content: the same vocabularies and the same shards, wherever they lie."""
        files: list[VocabFile | VectorsFile | ShardFile] = [*self.vocab.values()]
        files += [self.vectors] if self.vectors else []
        files += [shard for shards in self.splits.values() for shard in shards]
        return hashlib.sha256("".join(f.path + f.sha256 for f in files).encode()).hexdigest()


def id_dtype(num_values: int) -> np.dtype:
    """The narrowest unsigned type that holds ids 0 .. num_values - 1."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        if num_values <= np.iinfo(dtype).max + 1:
            return np.dtype(dtype)
    raise ValueError(f"{num_values} values do not fit 32-bit ids")


def shard_schema(num_tags: int, features: list[Feature]) -> pa.Schema:
    """The columns of a shard, one row a sentence of T tokens and C characters in all.

    word, tag, text and the features are lists of T; char is a list of C, token_chars (T) splits it.
    """

    def ids(dtype: np.dtype) -> pa.DataType:
        return pa.list_(pa.field("item", pa.from_numpy_dtype(dtype), nullable=False))

    columns = {
        "sentence_id": pa.int64(),
        "length": pa.int32(),
        "word": ids(np.dtype(np.int32)),
        "char": ids(np.dtype(np.uint16)),
        "token_chars": ids(np.dtype(np.uint16)),
        "tag": ids(id_dtype(num_tags)),
        **{feature.name: ids(id_dtype(feature.num_values)) for feature in features},
        "text": pa.list_(pa.field("item", pa.string(), nullable=False)),
    }
    return pa.schema([pa.field(name, dtype, nullable=False) for name, dtype in columns.items()])


def write_index(directory: Path, index: Index) -> None:
    """Write index.json. Call it last: a directory with an index is a complete shard set."""
    record = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(index)}
    (directory / INDEX_NAME).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_index(directory: str | os.PathLike[str]) -> Index:
    """Read and check index.json.

    Raises ShardError if it is absent, not an index, of another version, or lacks a field.
    """
    path = Path(directory) / INDEX_NAME
    if not path.is_file():
        state = "holds no index.json, so its shards were never completed" if path.parent.is_dir() else "does not exist"
        raise ShardError(
            f"{path.parent}: the shard directory {state}; run `make shards` or `python -m data_prep build`"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ShardError(f"{path}: not readable as JSON ({error}); rebuild the shards") from error
    if not isinstance(record, dict) or record.pop("format", None) != FORMAT:
        raise ShardError(f'{path}: not an index of NER shards (no "format": "{FORMAT}"); rebuild the shards')
    version = record.pop("version", None)
    if version != VERSION:
        raise ShardError(f"{path}: format version {version}, this code reads version {VERSION}; rebuild the shards")
    try:
        record["features"] = [Feature(**feature) for feature in record["features"]]
        record["vocab"] = {name: VocabFile(**entry) for name, entry in record["vocab"].items()}
        record["vectors"] = VectorsFile(**record["vectors"]) if record["vectors"] else None
        record["splits"] = {
            split: [ShardFile(**shard) for shard in shards] for split, shards in record["splits"].items()
        }
        return Index(**record)
    except (KeyError, TypeError, AttributeError) as error:
        raise ShardError(
            f"{path}: a field is missing, unknown or of the wrong kind ({error}); rebuild the shards"
        ) from error


def file_sha256(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify_file(directory: str | os.PathLike[str], entry: ShardFile | VocabFile | VectorsFile) -> Path:
    """The path of a file the index names, after its size and checksum have been compared.

    Raises ShardError naming the file and what differs.
    """
    path = Path(directory) / entry.path
    if not path.is_file():
        raise ShardError(f"{path}: named by {INDEX_NAME} but absent; rebuild the shards")
    found_bytes = path.stat().st_size
    if found_bytes != entry.num_bytes:
        raise ShardError(f"{path}: {found_bytes} bytes, {INDEX_NAME} says {entry.num_bytes}; rebuild the shards")
    found_sha256 = file_sha256(path)
    if found_sha256 != entry.sha256:
        raise ShardError(
            f"{path}: checksum {found_sha256[:12]}..., {INDEX_NAME} says {entry.sha256[:12]}...; rebuild the shards"
        )
    return path


def vocab_files(directory: str | os.PathLike[str], index: Index) -> dict[str, bytes]:
    """The contents of all vocabulary files by their path in the set, verified: what a checkpoint takes along."""
    return {entry.path: verify_file(directory, entry).read_bytes() for entry in index.vocab.values()}


def read_vectors(directory: str | os.PathLike[str], index: Index) -> np.ndarray:
    """The pretrained vectors, verified: float32 (V, D), NaN where a word has none. The index must name them."""
    assert index.vectors is not None
    path = verify_file(directory, index.vectors)
    vectors_VD: np.ndarray = np.load(path, allow_pickle=False)
    expected = (index.vocab["word"].num_values, index.vectors.num_units)
    if vectors_VD.shape != expected or vectors_VD.dtype != np.float32:
        raise ShardError(
            f"{path}: {vectors_VD.dtype} of shape {vectors_VD.shape}, {INDEX_NAME} says float32 of {expected}; "
            "rebuild the shards"
        )
    return vectors_VD


def read_vocab(directory: str | os.PathLike[str], index: Index, name: str) -> dict[str, list[Any]]:
    """One vocabulary, verified: {"values": [...], "counts": [...]}; position = id.

    Characters have "types" too. Words that were looked up in pretrained vectors have "without_vector": the ids, in
    order, whose row of vectors.npy is NaN; see words.word_ids. The labels of a lexicon have "entries", case-folded
    tokens parted by spaces, and "parts", the least and most tokens of a match in part; see lexicon.fit.
    """
    path = verify_file(directory, index.vocab[name])
    vocab: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
    return vocab
