"""The inputs of a shard set that a model uses: features by name, words with or without their vectors."""

from __future__ import annotations

import dataclasses

import pytest
from made_batches import NUM_WORDS, small_index

from ner_dist.config import ConfigError, Model
from ner_dist.contract.shard_format import Feature, VectorsFile
from ner_dist.data import used_inputs

KNOBS = Model(word_units=5)


def test_features_are_chosen_by_name_and_lexicon_stands_for_all_its_types() -> None:
    features = [Feature("caps", 5), Feature("lexicon_PER", 7), Feature("pos", 9), Feature("lexicon_LOC", 7)]
    index = small_index(features=features)

    def chosen(*names: str) -> list[tuple[int, str]]:
        return [
            (i, f.name) for i, f in used_inputs.used_features(dataclasses.replace(KNOBS, features=list(names)), index)
        ]

    assert chosen("lexicon", "caps") == [(0, "caps"), (1, "lexicon_PER"), (3, "lexicon_LOC")]
    assert chosen("pos", "lexicon_LOC") == [(2, "pos"), (3, "lexicon_LOC")]
    assert chosen() == []
    assert [f for _, f in used_inputs.used_features(KNOBS, index)] == features
    left_out = used_inputs.unused_features(dataclasses.replace(KNOBS, features=["lexicon", "caps"]), index)
    assert left_out == ["pos"]
    with pytest.raises(
        ConfigError, match="names 'shape', which the shards do not have, only caps, lexicon, lexicon_LO"
    ):
        chosen("caps", "shape")


def test_vectors_set_the_size_of_words_and_without_them_unseen_words_are_unknown() -> None:
    with_vectors = dataclasses.replace(small_index(), vectors=VectorsFile("vectors.npy", 0, "", 50, first_unseen=4))
    for index, choice, units, words in (
        (small_index(), "auto", 5, NUM_WORDS),
        (with_vectors, "auto", 50, NUM_WORDS),
        (with_vectors, "require", 50, NUM_WORDS),
        (with_vectors, "ignore", 5, 4),
    ):
        knobs = dataclasses.replace(KNOBS, vectors=choice)
        assert (used_inputs.word_units(knobs, index), used_inputs.num_words(knobs, index)) == (units, words)
    with pytest.raises(ConfigError, match=r"--model.vectors require, but the shards were built without any"):
        used_inputs.word_units(dataclasses.replace(KNOBS, vectors="require"), small_index())
