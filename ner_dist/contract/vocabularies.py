"""All that turns tokens into the ids of one model, whether it was read from a checkpoint or is stored in an export."""

from __future__ import annotations

import dataclasses
from typing import Optional

from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.contract.tokenizers import TokenizerChoice, choose


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
