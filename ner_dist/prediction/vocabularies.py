"""The vocabularies in a checkpoint's directory, as prediction needs them; no MXNet here."""

from __future__ import annotations

from pathlib import Path

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies
from ner_dist.data import used_inputs
from ner_dist.errors import UserError


def checkpoint_vocabularies(directory: Path, index: Index, config: Config) -> Vocabularies:
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
    return Vocabularies(
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
