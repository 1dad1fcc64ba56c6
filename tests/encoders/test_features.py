"""Token features: their ids, and that one more row is all it takes to add one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of

from data_prep.encoders import features
from data_prep.encoders.features import (
    NO_LABELS,
    EncodeInput,
    FitInput,
    FittedFeature,
    LabelCounts,
    count_labels,
    fit_features,
    sum_labels,
)
from data_prep.encoders.lexicon_files import read_lexicon
from data_prep.encoders.vocab import PAD, UNK, Vocab
from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import UNK_ID
from ner_dist.contract.spelling import CAPS, capitalisation

TOKENS = ["Paris", "is"]


def corpus(**given: list[str]) -> FitInput:
    """Token features of two values, of which the first occurs twice in train and the second never."""
    counted = {name: LabelCounts(values, np.array([2, 0])) for name, values in given.items()}
    return FitInput({"caps": count_labels(capitalisation, TOKENS, np.array([3, 1]))}, counted, {"paris"})


def encoded(feature: FittedFeature, *places: int) -> list[int]:
    """The ids of a sentence of some of TOKENS."""
    assert feature.codes is not None
    return feature.encode(EncodeInput(feature.codes(TOKENS)[list(places)], [], np.array([len(places)]))).tolist()


def test_capitalisation_has_the_same_ids_in_every_corpus() -> None:
    fitted = fit_features(corpus(), [])["caps"]
    assert fitted.vocab.values == [PAD, UNK, *CAPS]
    assert fitted.vocab.counts == [0, 0, 0, 3, 1, 0, 0]
    assert encoded(fitted, 1, 0, 0) == [4, 3, 3]


def test_labels_of_parts_add_up() -> None:
    parts = [
        count_labels(str.lower, ["A", "a", "b"], np.array([1, 2, 0])),
        count_labels(str.lower, ["B"], np.array([5])),
    ]
    labels, counts = sum_labels(sum_labels(NO_LABELS, parts[0]), parts[1])
    assert dict(zip(labels, counts.tolist())) == {"a": 3, "b": 5}


def test_features_of_the_corpus_come_from_train_and_only_if_there_are_any() -> None:
    assert list(fit_features(corpus(), [])) == ["caps"]
    fitted = fit_features(corpus(pos=["NNP", "VBZ"], dep=["subj", "root"]), [])
    assert list(fitted) == ["caps", "pos", "dep"]
    assert fitted["pos"].vocab.values == [PAD, UNK, "NNP"]
    assert fitted["dep"].vocab.values == [PAD, UNK, "subj"]
    # In the order in which the corpus gives them.
    tokens = EncodeInput(np.zeros(0, int), [np.array([1, 0]), np.array([0, 0])], np.array([2]))
    assert fitted["pos"].encode(tokens).tolist() == [UNK_ID, 2]
    assert fitted["dep"].encode(tokens).tolist() == [2, 2]


def test_lists_of_a_lexicon_are_features_after_the_declared_ones(tmp_path: Path) -> None:
    for name in ("PER", "LOC"):
        (tmp_path / f"{name}.txt").write_text("Paris\n")
    fitted = fit_features(corpus(pos=["NNP", "VBZ"]), read_lexicon(Settings(lexicon=str(tmp_path))))
    assert list(fitted) == ["caps", "pos", "lexicon_LOC", "lexicon_PER"]
    assert fitted["lexicon_LOC"].vocab == Vocab(
        [PAD, UNK, "O", "B", "I", "L", "U"], [0] * 7, entries=["paris"], parts=[2, 512]
    )
    assert encoded(fitted["lexicon_LOC"], 0, 1) == [6, 2]


def test_a_feature_is_added_by_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(found: LabelCounts) -> FittedFeature:
        assert found is NO_LABELS, "it has no labels of tokens"

        def encode(tokens: EncodeInput) -> np.ndarray:
            """2 for the first token of each sentence, 3 for the others: a feature may look at whole sentences."""
            first = np.full(tokens.length_N.sum(), 3)
            first[np.cumsum(tokens.length_N) - tokens.length_N] = 2
            return first

        return FittedFeature(Vocab([PAD, UNK, "first", "other"], [0, 0, 0, 0]), encode)

    monkeypatch.setitem(features.FEATURES, "place", fit)
    (tmp_path / "c").write_text("Paris B-LOC\nis O\n\nLondon B-LOC\n")
    settings = Settings(num_shards=1)
    sources = {"train": tmp_path / "c", "dev": tmp_path / "c"}
    index = build(sources_of(sources), settings, tmp_path / "out", Problems())
    assert [(feature.name, feature.num_values) for feature in index.features] == [("caps", 7), ("place", 4)]
    shard = pq.read_table(tmp_path / "out" / index.splits["train"][0].path)
    assert shard["place"].to_pylist() == [[2], [2, 3]]
