"""The vocabularies in a checkpoint's directory, as prediction needs them; no MXNet here."""

from __future__ import annotations

from pathlib import Path

from ner_dist.config import Config
from ner_dist.contract.like_model import shard_vocabularies
from ner_dist.contract.shard_format import Index
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.data import used_inputs


def checkpoint_vocabularies(directory: Path, index: Index, config: Config) -> Vocabularies:
    """The vocabularies in a checkpoint's directory. Raises UserError if they do not suffice for new text."""
    features = [feature for _, feature in used_inputs.used_features(config.model, index)]
    num_words = used_inputs.num_words(config.model, index)
    return shard_vocabularies(directory, index, features, num_words, config.model.char_width // 2)
