"""Which inputs of a shard set a model uses: token features, words, and pretrained vectors or not."""

from __future__ import annotations

from ner_dist.config import ConfigError, Model
from ner_dist.contract.index_record import is_selected
from ner_dist.contract.shard_format import Feature, Index


def uses_vectors(knobs: Model, index: Index) -> bool:
    """Whether words start from pretrained vectors. Raises ConfigError if the knobs require them and there are none."""
    if knobs.vectors == "require" and index.vectors is None:
        raise ConfigError(
            "--model.vectors require, but the shards were built without any; build them with --vectors FILE "
            "(python -m data_prep fetch glove-6b-50d brings one), or pass --model.vectors auto"
        )
    return knobs.vectors != "ignore" and index.vectors is not None


def word_units(knobs: Model, index: Index) -> int:
    return index.vectors.num_units if uses_vectors(knobs, index) and index.vectors else knobs.word_units


def num_words(knobs: Model, index: Index) -> int:
    """Word ids from here on are read as UNK_ID: words that train lacks are useless without their vectors."""
    ignored = index.vectors if not uses_vectors(knobs, index) else None
    return ignored.first_unseen if ignored else index.vocab["word"].num_values


def used_features(knobs: Model, index: Index) -> list[tuple[int, Feature]]:
    """The token features that the model uses, with their position in a batch. Raises ConfigError for unknown names."""
    if knobs.features is None:
        return list(enumerate(index.features))
    # "lexicon" selects the features lexicon_PER, lexicon_LOC, ...
    names = {name for feature in index.features for name in (feature.name, feature.name.split("_")[0])}
    for name in knobs.features:
        if name not in names:
            raise ConfigError(
                f"--model.features names {name!r}, which the shards do not have, only {', '.join(sorted(names))}; "
                "leave it out or build the shards with it"
            )
    return [(i, feature) for i, feature in enumerate(index.features) if is_selected(feature, knobs.features)]


def unused_features(knobs: Model, index: Index) -> list[str]:
    """The names of the token features that the model leaves out."""
    used = {feature for _, feature in used_features(knobs, index)}
    return [feature.name for feature in index.features if feature not in used]
