"""What of a shard set a model uses: which token features, which words, and whether pretrained vectors."""

from __future__ import annotations

from ner_dist.config import ConfigError, Model
from ner_dist.contract.shard_format import Feature, Index


def uses_vectors(sizes: Model, index: Index) -> bool:
    """Whether words begin with pretrained vectors. Raises ConfigError if they should and the shards have none."""
    if sizes.vectors == "require" and index.vectors is None:
        raise ConfigError(
            "--model.vectors require, but the shards were built without any; build them with --vectors FILE "
            "(python -m data_prep fetch glove-6b-50d brings one), or say --model.vectors auto"
        )
    return sizes.vectors != "ignore" and index.vectors is not None


def word_units(sizes: Model, index: Index) -> int:
    return index.vectors.num_units if uses_vectors(sizes, index) and index.vectors else sizes.word_units


def num_words(sizes: Model, index: Index) -> int:
    """Word ids from here on are read as unknown: without the vectors, words that train lacks mean nothing."""
    ignored = index.vectors if not uses_vectors(sizes, index) else None
    return ignored.first_unseen if ignored else index.vocab["word"].num_values


def used_features(sizes: Model, index: Index) -> list[tuple[int, Feature]]:
    """The token features that the model looks at, with their place in a batch. Raises ConfigError for unknown names."""
    if sizes.features is None:
        return list(enumerate(index.features))
    # lexicon names the features lexicon_PER, lexicon_LOC, ...
    names = {name for feature in index.features for name in (feature.name, feature.name.split("_")[0])}
    for name in sizes.features:
        if name not in names:
            raise ConfigError(
                f"--model.features names {name!r}, which the shards do not have, only {', '.join(sorted(names))}; "
                "leave it out or build the shards with it"
            )
    wanted = set(sizes.features)
    return [(i, f) for i, f in enumerate(index.features) if not wanted.isdisjoint((f.name, f.name.split("_")[0]))]
