"""What index.json says of a shard set, as dataclasses: all that a reader needs to know before it opens a shard.

The annotations are evaluated when an index is read, also by Python 3.9.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Optional

from ner_dist.errors import UserError

FORMAT = "ner-shards"
VERSION = 5
INDEX_NAME = "index.json"
VECTORS_NAME = "vectors.npy"
SPLITS = ("train", "dev", "test")
# Only in sets of corpora with texts: the part of the text that is the sentence, where it begins in its record's text,
# where each token begins there, and the entities of the source that begin in the part.
TEXT_COLUMNS = ("source_text", "text_start", "start", "spans")

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


def is_selected(feature: Feature, names: Sequence[str] | None) -> bool:
    """Whether --model.features with these names selects a feature; "lexicon" selects those of all lists."""
    return names is None or feature.name in names or feature.name.split("_")[0] in names


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
    vectors: Optional[VectorsFile]
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
