"""The shapes of a model's parameters by configuration and shards, so that what is read is checked before it is used.

It builds no network, and tests/model/test_parameter_shapes.py compares it with those that are built.
"""

from __future__ import annotations

from ner_dist.config import Config
from ner_dist.contract.shard_format import CHAR_TYPES, Index
from ner_dist.data import used_inputs


def word_shape(config: Config, index: Index) -> tuple[int, int]:
    """Of the trained word embeddings, (L, D): later words have pretrained vectors alone."""
    num_words = used_inputs.num_words(config.model, index)
    num_trained = num_words if index.vectors is None else index.vectors.first_unseen
    return num_trained, used_inputs.word_units(config.model, index)


def parameter_shapes(config: Config, index: Index) -> dict[str, tuple[int, ...]]:
    """Of all other parameters, by structural name. Raises ConfigError if the configuration does not fit the index."""
    knobs = config.model
    shapes: dict[str, tuple[int, ...]] = {}
    units = used_inputs.word_units(knobs, index) + knobs.char_filters
    if knobs.char_filters:
        char_units = knobs.char_units + knobs.char_type_units
        shapes["char_cnn.char.weight"] = index.vocab["char"].num_values, knobs.char_units
        if knobs.char_type_units:
            shapes["char_cnn.char_type.weight"] = len(CHAR_TYPES), knobs.char_type_units
        shapes["char_cnn.weight"] = knobs.char_filters, char_units, knobs.char_width
        shapes["char_cnn.bias"] = (knobs.char_filters,)
    for _, feature in used_inputs.used_features(knobs, index):
        size = min(knobs.feature_units, feature.num_values)
        units += size
        shapes[f"feature_{feature.name}.weight"] = feature.num_values, size
    for layer in range(knobs.lstm_layers):
        for direction in ("forward", "backward"):
            shapes[f"lstm.{layer}.{direction}_lstm"] = (4 * knobs.lstm_units * (units + knobs.lstm_units + 2),)
        units = 2 * knobs.lstm_units
    shapes["emission.weight"] = index.num_tags, units
    shapes["emission.bias"] = (index.num_tags,)
    if config.loss.likelihood == "sentence":
        shapes["transitions.start"] = shapes["transitions.end"] = (index.num_tags,)
        shapes["transitions.between"] = index.num_tags, index.num_tags
    return shapes
