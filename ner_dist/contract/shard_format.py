"""The shard format: the contract between data_prep, which writes shards, and ner_dist, which reads them.

A shard set is a directory: `index.json` (written last, so its presence means complete), `vocab/*.json`,
`vectors.npy` if there are pretrained word vectors, and one Parquet file per shard, `<split>-<shard>.parquet`.
Rows are sentences ordered by length bucket; a row group never mixes buckets. The file's own footer says how many rows
each has, so that the index does not grow with them. Within each bucket, the shards of a split differ by at most one
sentence. Files `<split>-raw-<shard>.parquet`, if any, hold raw rows: sentences as the tokenizer alone cuts them, for
the character score (docs/reference/shard-format.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ner_dist.contract.index_checks import check_index
from ner_dist.contract.index_record import FEATURE_NAME as FEATURE_NAME
from ner_dist.contract.index_record import FORMAT as FORMAT
from ner_dist.contract.index_record import INDEX_NAME as INDEX_NAME
from ner_dist.contract.index_record import SPLITS as SPLITS
from ner_dist.contract.index_record import TAKEN_NAMES as TAKEN_NAMES
from ner_dist.contract.index_record import TEXT_COLUMNS as TEXT_COLUMNS
from ner_dist.contract.index_record import VECTORS_NAME as VECTORS_NAME
from ner_dist.contract.index_record import VERSION as VERSION
from ner_dist.contract.index_record import Feature as Feature
from ner_dist.contract.index_record import Index as Index
from ner_dist.contract.index_record import ListedFile as ListedFile
from ner_dist.contract.index_record import ShardError as ShardError
from ner_dist.contract.index_record import ShardFile as ShardFile
from ner_dist.contract.index_record import VectorsFile as VectorsFile
from ner_dist.contract.index_record import VocabFile as VocabFile
from ner_dist.contract.index_record import is_feature_name as is_feature_name
from ner_dist.contract.vocabulary_checks import Vocabulary, check_vocabulary
from ner_dist.foreign.arrays import read_npy
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import SEAL, checked, loads, parse_json, read_bytes, seal, verify_seal
from ner_dist.foreign.names import member
from ner_dist.stores.mirror import require

if TYPE_CHECKING:
    import pyarrow as pa

# Ids fixed in every vocabulary. Characters have one UNK per character type.
PAD_ID = 0
UNK_ID = 1
CHAR_TYPES = ("pad", "upper", "lower", "punct", "other")
CHAR_UNK_IDS = {"upper": 1, "lower": 2, "punct": 3, "other": 4}
NUM_CHAR_SPECIALS = 5

# What version 2 did without saying so: new text was cut by English rules, the corpus had its own tokens.
TOKENIZER_OF_VERSION_2 = {"name": "rules", "language": "en", "version": "", "applied": False}


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
    # Late, because an export is served without it.
    import pyarrow as pa

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


_AGAIN = "rebuild the shards"
# Those with the same shards. The index of version 4 also lists the row groups, which the files say themselves.
_SAME_SHARDS = (4, VERSION)
# Vocabularies of millions of words, and of the entries of long lists.
_MOST_VOCAB_BYTES = 1 << 30
# Rows of word vectors that are looked at together.
_ROWS_AT_ONCE = 1 << 15


def write_index(directory: Path, index: Index) -> None:
    """Write index.json. Call it last: a directory with an index counts as a complete shard set."""
    text = seal({"format": FORMAT, "version": VERSION, **dataclasses.asdict(index)})
    (directory / INDEX_NAME).write_text(text, encoding="utf-8")


def read_index(directory: str | os.PathLike[str]) -> Index:
    """Raises ShardError if index.json is missing, damaged, of another version, or does not fit its vocabularies."""
    return _read(Path(directory), _SAME_SHARDS)[0]


def read_stored_index(directory: str | os.PathLike[str]) -> tuple[Index, int]:
    """The index of a checkpoint and its version, which may be older: what changed since is about rows only."""
    return _read(Path(directory), (2, 3, *_SAME_SHARDS))


def _read(directory: Path, versions: tuple[int, ...]) -> tuple[Index, int]:
    path = directory / INDEX_NAME
    if not path.is_file():
        state = "holds no index.json, so its shards were never completed" if directory.is_dir() else "does not exist"
        raise ShardError(f"{directory}: the shard directory {state}; run `make shards` or `python -m data_prep build`")
    with advising(ShardError, _AGAIN):
        data = read_bytes(path)
        record = loads(data, path)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ForeignFileError(f'{path}: not an index of NER shards (no "format": "{FORMAT}")')
        version = record.get("version")
        if type(version) is not int or version not in versions:
            known = " and ".join(map(str, _SAME_SHARDS))
            raise ForeignFileError(f"{path}: format version {version}, this code reads versions {known}")
        if version in _SAME_SHARDS:
            verify_seal(data, record, path)
        index = checked(_fields(record, version), path, Index)
        check_index(index, path)
    # Networks are as large as these say.
    for entry in index.vocab.values():
        _require_size(directory, entry)
    return index, version


def _fields(record: dict[str, Any], version: int) -> dict[str, Any]:
    """Those of an Index, as this version would have them."""
    fields = {name: value for name, value in record.items() if name not in ("format", "version")}
    if version in _SAME_SHARDS:
        del fields[SEAL]
    if version < VERSION:
        for name in ("splits", "raw"):
            _drop_row_groups(fields.get(name))
    if version == 2:
        fields.update(raw={}, has_text=False, tokenizer=TOKENIZER_OF_VERSION_2)
        stats = fields.get("stats")
        for facts in stats.values() if isinstance(stats, dict) else ():
            if isinstance(facts, dict):
                facts.setdefault("documents", 0)
    return fields


def _drop_row_groups(splits: Any) -> None:
    """From the shards of each split. What is no shard is left for the checks."""
    for shards in splits.values() if isinstance(splits, dict) else ():
        for shard in shards if isinstance(shards, list) else ():
            if isinstance(shard, dict):
                shard.pop("row_groups", None)


def file_sha256(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify_file(directory: str | os.PathLike[str], entry: ListedFile) -> Path:
    """The path of a file listed in the index. Raises ShardError if it is missing or its size or checksum differs."""
    path = _require_size(directory, entry)
    try:
        _require_sum(path, file_sha256(path), entry)
    except OSError as error:
        raise ShardError(f"{path}: not readable ({error.strerror or error}); {_AGAIN}") from error
    return path


def _require_size(directory: str | os.PathLike[str], entry: ListedFile) -> Path:
    with advising(ShardError, _AGAIN):
        path = require(member(directory, entry.path))
    if not path.is_file():
        raise ShardError(f"{path}: listed in {INDEX_NAME} but missing; {_AGAIN}")
    found_bytes = path.stat().st_size
    if found_bytes != entry.num_bytes:
        raise ShardError(f"{path}: {found_bytes} bytes, {INDEX_NAME} states {entry.num_bytes}; {_AGAIN}")
    return path


def _require_sum(path: Path, found: str, entry: ListedFile) -> None:
    if found != entry.sha256:
        raise ShardError(f"{path}: checksum {found[:12]}..., {INDEX_NAME} states {entry.sha256[:12]}...; {_AGAIN}")


def _verified_bytes(directory: str | os.PathLike[str], entry: ListedFile) -> bytes:
    """Read once, so that what was verified is what is used."""
    path = _require_size(directory, entry)
    with advising(ShardError, _AGAIN):
        data = read_bytes(path, _MOST_VOCAB_BYTES)
    _require_sum(path, hashlib.sha256(data).hexdigest(), entry)
    return data


def vocab_files(directory: str | os.PathLike[str], index: Index) -> dict[str, bytes]:
    """The verified contents of all vocabulary files by their path in the set; a checkpoint stores them."""
    return {entry.path: _verified_bytes(directory, entry) for entry in index.vocab.values()}


def read_word_vectors(directory: str | os.PathLike[str], index: Index) -> np.ndarray:
    """The vectors, which the index must list: float32 (V, D), NaN where a word has none. Raises ShardError."""
    assert index.vectors is not None
    path = verify_file(directory, index.vectors)
    with advising(ShardError, _AGAIN):
        vectors_VD = read_npy(path)
    expected = (index.vocab["word"].num_values, index.vectors.num_units)
    if vectors_VD.shape != expected or vectors_VD.dtype != np.float32:
        raise ShardError(
            f"{path}: {vectors_VD.dtype} of shape {vectors_VD.shape}, {INDEX_NAME} states float32 of {expected}; "
            "rebuild the shards"
        )
    for first in range(0, len(vectors_VD), _ROWS_AT_ONCE):
        part_VD = vectors_VD[first : first + _ROWS_AT_ONCE]
        without_V = np.flatnonzero(~np.isfinite(part_VD).all(1))
        wrong_V = without_V[~np.isnan(part_VD[without_V]).all(1)]
        if len(wrong_V):
            raise ShardError(f"{path}: row {first + wrong_V[0]} is neither finite nor all NaN; {_AGAIN}")
    return vectors_VD


def read_vocab(directory: str | os.PathLike[str], index: Index, name: str) -> dict[str, list[Any]]:
    """One vocabulary, verified: {"values": [...], "counts": [...]}, by id. Raises ShardError.

    Characters also have "types". Words that were looked up in pretrained vectors have "without_vector": the ids, in
    order, whose row of vectors.npy is NaN (see word_lookup.word_id_lookup). The labels of a lexicon have "entries",
    case-folded tokens separated by spaces, and "parts", the PartialMatch (see lexicon_matching.build_matcher).
    """
    entry = index.vocab[name]
    path, data = Path(directory) / entry.path, _verified_bytes(directory, entry)
    with advising(ShardError, _AGAIN):
        vocabulary = parse_json(data, path, Vocabulary)
        check_vocabulary(vocabulary, path, name, entry.num_values)
    return {field: values for field, values in vars(vocabulary).items() if values is not None}
