"""Whether an index, whose fields have the right types, describes a shard set that can exist: names, counts, sizes.

What it declares is compared with the sizes of its files, so that nobody allocates what a damaged number asks for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from ner_dist.contract.index_record import (
    FEATURE_NAME,
    SPLITS,
    VECTORS_NAME,
    Index,
    ListedFile,
    ShardFile,
    is_feature_name,
)
from ner_dist.foreign.errors import refuse
from ner_dist.foreign.json_files import checked
from ner_dist.foreign.names import shortened

# The tables of transition scores grow with the square: 2 GB.
MOST_TYPES = 4096
# Of any number, so that sums fit 64 bits.
MOST = 1 << 40
# A sentence takes more than a thousandth of a byte, however well it is compressed; a value of a vocabulary takes 3.
_MOST_ROWS_PER_BYTE, _LEAST_VALUE_BYTES = 1000, 3
# By the width of the column.
_MOST_VALUES = {"word": 1 << 31, "char": 1 << 16}
_MOST_UNITS = 1 << 16
# Before the values of a .npy file.
_MOST_HEADER_BYTES = 4096
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclasses.dataclass
class _SplitStats:
    num_sentences: int
    num_tokens: int
    documents: int
    entities: dict[str, int]
    tags: dict[str, int]
    unknown_words: int
    padding_to_edge: float
    longest: int
    inexpressible: Optional[dict[str, int]] = None
    with_vector: Optional[dict[str, dict[str, int]]] = None
    without_vector: Optional[dict[str, int]] = None
    unknown_word: Optional[list[str]] = None


@dataclasses.dataclass
class _Source:
    split: str
    name: str
    num_bytes: int
    sha256: str


@dataclasses.dataclass
class _Tokenizer:
    name: str
    language: str
    version: str
    applied: bool


@dataclasses.dataclass
class _Descriptions:
    """The fields of an index whose values stay dictionaries."""

    stats: dict[str, _SplitStats]
    sources: list[_Source]
    tokenizer: _Tokenizer
    settings: dict[str, Any]
    warnings: dict[str, int]


def check_index(index: Index, place: Path) -> None:
    """Raises ForeignFileError naming the first fault."""
    _check_types(index, place)
    _check_files(index, place)
    _check_vocabularies(index, place)
    for split, shards in index.splits.items():
        _check_shards(index, place, split, shards)
    for split, shards in index.raw.items():
        _check_shards(index, place, f"{split}-raw", shards)
    _check_descriptions(index, place)


def _check_types(index: Index, place: Path) -> None:
    types, edges = index.entity_types, index.bucket_edges
    if len(set(types)) < len(types) or "" in types:
        refuse(place, "entity_types has an empty one or one twice", "distinct names")
    if len(types) > MOST_TYPES:
        refuse(place, f"{len(types)} entity_types", f"{MOST_TYPES} at most")
    if not edges or edges[0] < 1 or edges[-1] >= 1 << 31 or any(a >= b for a, b in zip(edges, edges[1:])):
        refuse(place, f"bucket_edges is {shortened(edges)}", "lengths from 1 on, ascending")
    names = [feature.name for feature in index.features]
    if len(set(names)) < len(names):
        refuse(place, "features has one twice", "distinct names")
    for name in names:
        if not (
            is_feature_name(name) or name == "caps" or (name.startswith("lexicon_") and FEATURE_NAME.fullmatch(name))
        ):
            refuse(place, f"features has {shortened(name)}", "names of token features")
    if set(index.splits) - set(SPLITS) or not index.splits or set(index.raw) - set(index.splits):
        found = shortened(", ".join([*index.splits, *(f"raw {name}" for name in index.raw)]))
        refuse(place, f"it has the splits {found}", "train, dev or test, and raw rows of these")


def _check_files(index: Index, place: Path) -> None:
    """Every name is the one that the format knows for the file, so none can be anything else or be there twice."""
    expected: list[tuple[ListedFile, str]] = [(e, f"vocab/{name}.json") for name, e in index.vocab.items()]
    expected += [(index.vectors, VECTORS_NAME)] if index.vectors else []
    for marks, splits in (("", index.splits), ("raw-", index.raw)):
        for split, shards in splits.items():
            expected += [(e, f"{split}-{marks}{number:05d}.parquet") for number, e in enumerate(shards)]
    for entry, path in expected:
        if entry.path != path:
            refuse(place, f"it names the file {shortened(entry.path)}", f"{path} at this place")
        if not _SHA256.fullmatch(entry.sha256) or not 0 < entry.num_bytes < MOST:
            refuse(place, f"size or checksum of {path} is {entry.num_bytes} or {shortened(entry.sha256)}", "others")


def _check_vocabularies(index: Index, place: Path) -> None:
    sizes = {feature.name: feature.num_values for feature in index.features}
    if set(index.vocab) != {"word", "char", *sizes}:
        refuse(place, f"vocab has {shortened(', '.join(sorted(index.vocab)))}", "word, char and the features")
    for name, entry in index.vocab.items():
        most = min(_MOST_VALUES.get(name, 1 << 32), entry.num_bytes // _LEAST_VALUE_BYTES)
        if not 1 <= entry.num_values <= most or entry.num_values != sizes.get(name, entry.num_values):
            refuse(place, f"vocab.{name} has {entry.num_values} values", f"1 to {most}, as many as the feature")
    vectors, num_words = index.vectors, index.vocab["word"].num_values
    if vectors is not None:
        num_bytes = 4 * num_words * vectors.num_units
        fits = 1 <= vectors.num_units <= _MOST_UNITS and 0 <= vectors.first_unseen <= num_words
        if not fits or not num_bytes < vectors.num_bytes <= num_bytes + _MOST_HEADER_BYTES:
            refuse(place, f"vectors states {vectors.num_units} units in {vectors.num_bytes} bytes", "a size that fits")


def _check_shards(index: Index, place: Path, name: str, shards: list[ShardFile]) -> None:
    num_shards = len(next(iter(index.splits.values())))
    if len(shards) != num_shards or not shards:
        refuse(place, f"{len(shards)} shards of {name}", f"{num_shards or 'one at least'}, as many as of other splits")
    filled = [shard.sha256 for shard in shards if sum(shard.rows)]
    if len(set(filled)) < len(filled):
        refuse(place, f"two shards of {name} are the same", "different sentences in each")
    least_most = list(zip([1, *(edge + 1 for edge in index.bucket_edges)], index.bucket_edges))
    for shard in shards:
        rows, tokens = shard.rows, shard.tokens
        if len(rows) != len(least_most) or len(tokens) != len(rows) or not _are_counts([*rows, *tokens]):
            expected = f"one for each of {len(least_most)} buckets"
            refuse(place, f"rows or tokens of {shard.path} are not counts", expected)
        if any(not r * least <= t <= r * most for r, t, (least, most) in zip(rows, tokens, least_most)):
            refuse(place, f"tokens of {shard.path} do not fit its rows", "sentences of the lengths of their buckets")
        if sum(rows) > _MOST_ROWS_PER_BYTE * shard.num_bytes:
            refuse(place, f"{sum(rows)} rows in the {shard.num_bytes} bytes of {shard.path}", "fewer")


def _check_descriptions(index: Index, place: Path) -> None:
    parts = {field.name: getattr(index, field.name) for field in dataclasses.fields(_Descriptions)}
    found = checked(parts, place, _Descriptions)
    if not set(index.splits) <= set(found.stats):
        refuse(place, f"stats has {shortened(', '.join(found.stats))}", "the splits")
    for split in index.splits:
        stats = found.stats[split]
        counts = [stats.documents, stats.unknown_words, stats.longest, *stats.entities.values(), *stats.tags.values()]
        if not _are_counts([*counts, *(stats.inexpressible or {}).values()]) or stats.padding_to_edge < 0:
            refuse(place, f"stats.{split} has a negative number or a very large one", "counts")
        if (stats.num_sentences, stats.num_tokens) != (index.num_sentences(split), index.num_tokens(split)):
            refuse(place, f"stats.{split} has other num_sentences or num_tokens than its shards", "the same")
        if set(stats.entities) != set(index.entity_types):
            refuse(place, f"stats.{split}.entities has other types than entity_types", "the same")
    settings = index.settings
    if not isinstance(settings.get("keep_case"), bool) or not isinstance(settings.get("keep_digits"), bool):
        refuse(place, "keep_case or keep_digits is missing in settings or no truth value", "true or false")
    if type(settings.get("max_chars")) is not int or not 1 <= settings["max_chars"] < 1 << 16:
        refuse(place, f"settings.max_chars is {shortened(settings.get('max_chars'))}", "a number of characters")


def _are_counts(numbers: Iterable[int]) -> bool:
    return all(0 <= number < MOST for number in numbers)
