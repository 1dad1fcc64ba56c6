"""The shard format: the contract between data_prep, which writes shards, and ner_dist, which reads them.

A shard set is a directory: `index.json` (written last, so its presence means complete), `vocab/*.json`,
`vectors.npy` if there are pretrained word vectors, and one Parquet file per shard, `<split>-<shard>.parquet`.
Rows are sentences ordered by length bucket; a row group never mixes buckets. Within each bucket, the shards of a split
differ by at most one sentence. Files `<split>-raw-<shard>.parquet`, if any, hold raw rows: sentences as the tokenizer
alone cuts them, for the character score (docs/reference/shard-format.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from ner_dist.errors import UserError

FORMAT = "ner-shards"
VERSION = 3
INDEX_NAME = "index.json"
VECTORS_NAME = "vectors.npy"
SPLITS = ("train", "dev", "test")
# Only in sets of corpora with texts: the part of the text that is the sentence, where it begins in its record's text,
# where each token begins there, and the entities of the source that begin in the part.
TEXT_COLUMNS = ("source_text", "text_start", "start", "spans")

# Ids fixed in every vocabulary. Characters have one UNK per character type.
PAD_ID = 0
UNK_ID = 1
CHAR_TYPES = ("pad", "upper", "lower", "punct", "other")
CHAR_UNK_IDS = {"upper": 1, "lower": 2, "punct": 3, "other": 4}
NUM_CHAR_SPECIALS = 5

# What version 2 did without saying so: new text was cut by English rules, the corpus had its own tokens.
TOKENIZER_OF_VERSION_2 = {"name": "rules", "language": "en", "version": "", "applied": False}


# Of a token feature: it names a column, a file and an input of the network.
FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# What columns, files and inputs already mean; "lexicon_" and what follows is a list's.
TAKEN_NAMES = frozenset(
    ("sentence_id", "length", "source", "line", "record", "document", "recut", "word", "char", "token_chars", "tag")
) | {"text", *TEXT_COLUMNS, "caps", "form", "emission", "texts", "tokens", "entities"}


def is_feature_name(name: str) -> bool:
    """Whether a corpus may call a token feature so."""
    return bool(FEATURE_NAME.fullmatch(name)) and name not in TAKEN_NAMES and not name.startswith("lexicon_")


class ShardError(UserError):
    """Shards that are missing, incomplete, damaged or different from their index."""


@dataclasses.dataclass(frozen=True)
class Feature:
    """A token feature: an id per token in column `name`; 0 is padding, 1 unknown; vocab/<name>.json names them."""

    name: str
    num_values: int


@dataclasses.dataclass(frozen=True)
class ListedFile:
    """A file of the set, as the index lists it."""

    path: str
    num_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class ShardFile(ListedFile):
    """A shard's Parquet file in one split."""

    # Sentences and tokens in each bucket, by bucket id.
    rows: list[int]
    tokens: list[int]
    # Rows of each row group, in file order.
    row_groups: list[int]


@dataclasses.dataclass(frozen=True)
class VocabFile(ListedFile):
    num_values: int


@dataclasses.dataclass(frozen=True)
class VectorsFile(ListedFile):
    """Pretrained word vectors: float32 .npy (V, D), one row per word id, all NaN where a word has no vector."""

    num_units: int
    # Word ids from here on come from the vectors alone and do not occur in train.
    first_unseen: int


@dataclasses.dataclass(frozen=True)
class Index:
    """All that a reader needs to know about a shard set before it opens a shard."""

    entity_types: list[str]
    # Bucket b has the sentences with bucket_edges[b - 1] < length <= bucket_edges[b].
    bucket_edges: list[int]
    features: list[Feature]
    # "word", "char" and one per feature.
    vocab: dict[str, VocabFile]
    vectors: VectorsFile | None
    splits: dict[str, list[ShardFile]]
    # Raw rows by split, in as many files as the split has; empty if no split has any.
    raw: dict[str, list[ShardFile]]
    # Whether the corpus has texts, so that rows have the columns of TEXT_COLUMNS.
    has_text: bool
    # "name", "language" and "version" of the tokenizer for new text; "applied": whether it cut any text of the corpus.
    tokenizer: dict[str, Any]
    # Entities by type, tokens by tag and other facts of each split, for reports and loss weights.
    stats: dict[str, Any]
    # Name, size and sha256 of each source; the preparation's settings; counts of what was repaired or odd.
    sources: list[dict[str, Any]]
    settings: dict[str, Any]
    warnings: dict[str, int]

    @property
    def num_tags(self) -> int:
        return 1 + 4 * len(self.entity_types)

    def num_sentences(self, split: str) -> int:
        return sum(sum(shard.rows) for shard in self.splits[split])

    def num_tokens(self, split: str) -> int:
        return sum(sum(shard.tokens) for shard in self.splits[split])

    def has_gold_spans(self, split: str) -> bool:
        """Whether the gold of a split is entities by characters of texts, so that it has a score over characters."""
        return self.has_text and "inexpressible" in self.stats[split]

    def fingerprint(self) -> str:
        """SHA-256 of the content, not of the place: the same vocabularies and shards have the same fingerprint."""
        return hashlib.sha256("".join(f.path + f.sha256 for f in self.files()).encode()).hexdigest()

    def files(self) -> list[ListedFile]:
        """All files of the set but index.json."""
        files: list[ListedFile] = [*self.vocab.values(), *([self.vectors] if self.vectors else [])]
        return files + [shard for shards in [*self.splits.values(), *self.raw.values()] for shard in shards]


def id_dtype(num_values: int) -> np.dtype:
    """The narrowest unsigned type for ids 0 .. num_values - 1. Raises ValueError if 32 bits are not enough."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        if num_values <= np.iinfo(dtype).max + 1:
            return np.dtype(dtype)
    raise ValueError(f"{num_values} values do not fit 32-bit ids")


def shard_schema(num_tags: int, features: list[Feature], has_text: bool) -> pa.Schema:
    """The columns of a shard, whose rows are sentences of T tokens with C characters in all.

    word, tag, text, start and the features are lists of T; char is a list of C, which the counts in token_chars (T)
    split; spans has start, end and type id of each entity.
    """

    def ids(dtype: np.dtype) -> pa.DataType:
        return pa.list_(pa.field("item", pa.from_numpy_dtype(dtype), nullable=False))

    columns = {
        "sentence_id": pa.int64(),
        "length": pa.int32(),
        "source": pa.int32(),
        "line": pa.int64(),
        "record": pa.string(),
        "document": pa.string(),
        "recut": pa.bool_(),
        "word": ids(np.dtype(np.int32)),
        "char": ids(np.dtype(np.uint16)),
        "token_chars": ids(np.dtype(np.uint16)),
        "tag": ids(id_dtype(num_tags)),
        **{feature.name: ids(id_dtype(feature.num_values)) for feature in features},
        "text": pa.list_(pa.field("item", pa.string(), nullable=False)),
    }
    if has_text:
        types = (pa.string(), pa.int64(), ids(np.dtype(np.int32)), ids(np.dtype(np.int32)))
        columns.update(zip(TEXT_COLUMNS, types))
    return pa.schema([pa.field(name, dtype, nullable=False) for name, dtype in columns.items()])


def write_index(directory: Path, index: Index) -> None:
    """Write index.json. Call it last: a directory with an index counts as a complete shard set."""
    record = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(index)}
    (directory / INDEX_NAME).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_index(directory: str | os.PathLike[str], of_checkpoint: bool = False) -> Index:
    """Raises ShardError if index.json is missing, not an index, of another version, or has other fields.

    of_checkpoint: accept version 2 as well, which lacks only what rows say about texts; a checkpoint has no rows.
    """
    path = Path(directory) / INDEX_NAME
    record = _read_record(path)
    version = record.pop("version")
    if version == 2 and of_checkpoint:
        record.update(raw={}, has_text=False, tokenizer={**TOKENIZER_OF_VERSION_2})
    elif version != VERSION:
        raise ShardError(f"{path}: format version {version}, this code reads version {VERSION}; rebuild the shards")
    try:
        record["features"] = [Feature(**feature) for feature in record["features"]]
        record["vocab"] = {name: VocabFile(**entry) for name, entry in record["vocab"].items()}
        record["vectors"] = VectorsFile(**record["vectors"]) if record["vectors"] else None
        for files in ("splits", "raw"):
            record[files] = {split: [ShardFile(**shard) for shard in shards] for split, shards in record[files].items()}
        index = Index(**record)
        for entry in index.files():
            _check_path(entry.path)
        return index
    except (KeyError, TypeError, AttributeError) as error:
        fault = f"a field is missing, unknown or of the wrong kind ({error})"
        raise ShardError(f"{path}: {fault}; rebuild the shards") from error


def index_version(directory: str | os.PathLike[str]) -> Any:
    """The format version that index.json states, whether or not this code reads it. Raises ShardError."""
    return _read_record(Path(directory) / INDEX_NAME)["version"]


def _read_record(path: Path) -> dict[str, Any]:
    """index.json as it is, without "format"; "version" is present, with any value."""
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
    return {"version": None, **record}


def _check_path(path: str) -> None:
    """A file of the set lies in its directory; a checkpoint copies some of them to the same place in its own."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise TypeError(f"{path!r} is not a path within the directory")


def file_sha256(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify_file(directory: str | os.PathLike[str], entry: ListedFile) -> Path:
    """The path of a file listed in the index. Raises ShardError if it is missing or its size or checksum differs."""
    path = Path(directory) / entry.path
    if not path.is_file():
        raise ShardError(f"{path}: listed in {INDEX_NAME} but missing; rebuild the shards")
    found_bytes = path.stat().st_size
    if found_bytes != entry.num_bytes:
        raise ShardError(f"{path}: {found_bytes} bytes, {INDEX_NAME} states {entry.num_bytes}; rebuild the shards")
    found_sha256 = file_sha256(path)
    if found_sha256 != entry.sha256:
        raise ShardError(
            f"{path}: checksum {found_sha256[:12]}..., {INDEX_NAME} states {entry.sha256[:12]}...; rebuild the shards"
        )
    return path


def vocab_files(directory: str | os.PathLike[str], index: Index) -> dict[str, bytes]:
    """The verified contents of all vocabulary files by their path in the set; a checkpoint stores them."""
    return {entry.path: verify_file(directory, entry).read_bytes() for entry in index.vocab.values()}


def read_word_vectors(directory: str | os.PathLike[str], index: Index) -> np.ndarray:
    """The vectors, which the index must list: float32 (V, D), NaN where a word has none. Raises ShardError."""
    assert index.vectors is not None
    path = verify_file(directory, index.vectors)
    vectors_VD = np.load(path, allow_pickle=False)
    expected = (index.vocab["word"].num_values, index.vectors.num_units)
    if vectors_VD.shape != expected or vectors_VD.dtype != np.float32:
        raise ShardError(
            f"{path}: {vectors_VD.dtype} of shape {vectors_VD.shape}, {INDEX_NAME} states float32 of {expected}; "
            "rebuild the shards"
        )
    return vectors_VD


def read_vocab(directory: str | os.PathLike[str], index: Index, name: str) -> dict[str, list[Any]]:
    """One vocabulary, verified: {"values": [...], "counts": [...]}, by id. Raises ShardError.

    Characters also have "types". Words that were looked up in pretrained vectors have "without_vector": the ids, in
    order, whose row of vectors.npy is NaN (see word_lookup.word_id_lookup). The labels of a lexicon have "entries",
    case-folded tokens separated by spaces, and "parts", the PartialMatch (see lexicon_matching.build_matcher).
    """
    return json.loads(verify_file(directory, index.vocab[name]).read_text(encoding="utf-8"))
