"""All that turns tokens into the ids of one model: read from its checkpoint, or stored in an export. No MXNet here."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.contract.tokenizers import TokenizerChoice, choose
from ner_dist.data import used_inputs
from ner_dist.errors import UserError


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

    @classmethod
    def of_checkpoint(cls, directory: Path, index: Index, config: Config) -> Vocabularies:
        """The vocabularies in a checkpoint's directory. Raises UserError if they do not suffice for new text."""
        word, char = read_vocab(directory, index, "word"), read_vocab(directory, index, "char")
        features = []
        for _, feature in used_inputs.used_features(config.model, index):
            vocab = read_vocab(directory, index, feature.name)
            if feature.name.startswith("lexicon_") and "entries" not in vocab:
                raise UserError(
                    f"{directory}: its shards are too old to contain the entries of {feature.name}, which new text "
                    "needs; build the shards again and train a new model"
                )
            features.append(FeatureValues(feature.name, vocab["values"], vocab.get("entries"), vocab.get("parts")))
        return cls(
            entity_types=index.entity_types,
            # The model reads later ids as unknown.
            words=word["values"][: used_inputs.num_words(config.model, index)],
            without_vector=word.get("without_vector"),
            keep_case=index.settings["keep_case"],
            keep_digits=index.settings["keep_digits"],
            characters=char["values"],
            character_types=char["types"],
            max_characters=index.settings["max_chars"],
            character_padding=config.model.char_width // 2,
            features=features,
            tokenizer=TokenizerChoice.from_record(index.tokenizer),
            tokenizer_applied=bool(index.tokenizer["applied"]),
        )
