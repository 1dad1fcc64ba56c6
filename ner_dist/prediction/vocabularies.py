"""All that turns tokens into the ids of one model: read from its checkpoint, or written along with an exported model.

No MXNet here.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.data import used_inputs
from ner_dist.errors import UserError


@dataclasses.dataclass(frozen=True)
class FeatureValues:
    """A token feature by the names of its ids; 0 is padding, 1 unknown."""

    name: str
    values: list[str]
    # Of a lexicon: its entries, case-folded tokens parted by spaces, and the least and most tokens of a match in part.
    entries: list[str] | None = None
    parts: list[int] | None = None


@dataclasses.dataclass(frozen=True)
class Vocabularies:
    """Lists are by id."""

    entity_types: list[str]
    words: list[str]
    # Ids of words that have no pretrained vector; None if words were not looked up in vectors. See words.word_ids.
    without_vector: list[int] | None
    keep_case: bool
    keep_digits: bool
    characters: list[str]
    # Of each character, by shard_format.CHAR_TYPES.
    character_types: list[int]
    # Of longer tokens the model sees the first and the last half of so many characters.
    max_characters: int
    # Characters of padding on both sides of a token.
    character_padding: int
    # Those the model looks at, in its order.
    features: list[FeatureValues]

    def to_record(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Vocabularies:
        """What to_record gave. Raises KeyError or TypeError for anything else."""
        return cls(**{**record, "features": [FeatureValues(**feature) for feature in record["features"]]})


def of_checkpoint(directory: Path, index: Index, config: Config) -> Vocabularies:
    """The vocabularies of the model in a checkpoint. Raises UserError if they do not suffice for new text."""
    word, char = read_vocab(directory, index, "word"), read_vocab(directory, index, "char")
    num_words = used_inputs.num_words(config.model, index)
    features = [
        _feature(directory, index, feature.name) for _, feature in used_inputs.used_features(config.model, index)
    ]
    return Vocabularies(
        entity_types=index.entity_types,
        # Later ones are unknown to this model.
        words=word["values"][:num_words],
        without_vector=word.get("without_vector"),
        keep_case=index.settings["keep_case"],
        keep_digits=index.settings["keep_digits"],
        characters=char["values"],
        character_types=char["types"],
        max_characters=index.settings["max_chars"],
        character_padding=config.model.char_width // 2,
        features=features,
    )


def _feature(directory: Path, index: Index, name: str) -> FeatureValues:
    vocab = read_vocab(directory, index, name)
    if name.startswith("lexicon_") and "entries" not in vocab:
        raise UserError(
            f"{directory}: its shards are of a time when the lexicon's entries were not kept with them, so {name} is "
            "unknown for new text; build the shards again and train anew"
        )
    return FeatureValues(name, vocab["values"], vocab.get("entries"), vocab.get("parts"))
