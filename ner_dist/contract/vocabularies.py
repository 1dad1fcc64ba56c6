"""All that turns tokens into the ids of one model, whether it was read from a checkpoint or is stored in an export."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Optional

import numpy as np

from ner_dist.contract.shard_format import CHAR_TYPES, FEATURE_NAME, NUM_CHAR_SPECIALS, UNK_ID
from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.contract.tokenizers import TokenizerChoice, choose
from ner_dist.contract.vocabulary_checks import check_parts
from ner_dist.foreign.errors import refuse
from ner_dist.foreign.names import shortened

# Of a token's characters, and of the zeros around them.
_MOST_CHARACTERS, _MOST_PADDING = 1 << 16, 127


@dataclasses.dataclass(frozen=True)
class FeatureValues:
    """A token feature and the names of its ids, of which 0 is padding and 1 an unknown value."""

    name: str
    values: list[str]
    # Of a lexicon: its entries as case-folded tokens separated by spaces, and the fewest and most tokens of a partial
    # match.
    entries: Optional[list[str]] = None
    parts: Optional[list[int]] = None

    @property
    def is_given(self) -> bool:
        """Whether its values come with the tokens."""
        return self.name not in TOKEN_FEATURES and self.entries is None


@dataclasses.dataclass(frozen=True)
class Vocabularies:
    """Lists are indexed by id."""

    entity_types: list[str]
    words: list[str]
    # Ids of words that have no pretrained vector; None if the shards have no vectors. See word_lookup.word_ids.
    without_vector: Optional[list[int]]
    keep_case: bool
    keep_digits: bool
    characters: list[str]
    # The type of each character, as an index of shard_format.CHAR_TYPES.
    character_types: list[int]
    # Of longer tokens the model sees the first and the last half of this many characters.
    max_characters: int
    # Padding on both sides of a token, in characters.
    character_padding: int
    # The features that the model uses, in its order.
    features: list[FeatureValues]
    # How texts are cut into tokens, and whether texts of the corpus were; if not, it came as tokens.
    tokenizer: TokenizerChoice = dataclasses.field(default_factory=lambda: choose("rules", "en"))
    tokenizer_applied: bool = False

    @property
    def given_features(self) -> list[str]:
        """The features that are not computed from the tokens: new text must bring their values."""
        return [feature.name for feature in self.features if feature.is_given]

    def fingerprint(self) -> str:
        """SHA-256 of all that decides which ids the tokens of a corpus get; of a run and of its export the same."""
        parts = dataclasses.asdict(self)
        # The network's, and that of texts alone.
        for name in ("character_padding", "tokenizer_applied"):
            del parts[name]
        del parts["tokenizer"]["version"]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_vocabularies(found: Vocabularies, path: Path) -> None:
    """Whether its parts fit together. Raises ForeignFileError naming the first fault."""
    for name, values, num_specials in (
        ("words", found.words, UNK_ID + 1),
        ("characters", found.characters, NUM_CHAR_SPECIALS),
        *((feature.name, feature.values, UNK_ID + 1) for feature in found.features),
    ):
        named = values[num_specials:]
        if len(values) < num_specials or len(set(named)) < len(named):
            refuse(path, f"{shortened(name)} has fewer than {num_specials} values, or one twice", "distinct values")
    types = found.character_types
    if len(types) != len(found.characters) or not all(0 <= kind < len(CHAR_TYPES) for kind in types):
        refuse(path, "character_types has others", f"0 to {len(CHAR_TYPES) - 1}, one for each character")
    # Half a million ids are not looped over.
    ids = np.array([-1, *(found.without_vector or []), len(found.words)])
    if (ids[1:] <= ids[:-1]).any():
        refuse(path, "without_vector has ids out of order", "ids of words, ascending")
    if not 1 <= found.max_characters <= _MOST_CHARACTERS or not 0 <= found.character_padding <= _MOST_PADDING:
        refuse(path, "max_characters or character_padding is out of range", "numbers of characters")
    names = [feature.name for feature in found.features]
    if len(set(names)) < len(names) or not all(map(FEATURE_NAME.fullmatch, names)):
        refuse(path, f"features has {shortened(names)}", "distinct names of token features")
    for feature in found.features:
        check_parts(feature.parts, feature.entries, path, f"parts of {feature.name}")
