"""Scoring a split: every sentence once, the same counts in any batches and on any number of ranks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from thread_comm import ThreadComm, on_ranks

from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import owned_shards
from ner_dist.evaluation.f1 import Counts, count, scores
from ner_dist.evaluation.score_split import decode_batches, score_split
from ner_dist.model import cnn_bilstm
from ner_dist.model.cnn_bilstm import TrainedNetwork
from ner_dist.model.entities import DecodedBatch, concatenate_sentences
from ner_dist.model.initial_values import draw_embeddings, initial_parameters
from ner_dist.ranks.comm import Solo


@pytest.fixture(scope="module")
def settings(tiny_knobs: list[str]) -> Config:
    return config.parse(tiny_knobs)[0]


@pytest.fixture(scope="module")
def index(synth_shards: Path) -> Index:
    return read_index(synth_shards)


def untrained(settings: Config, index: Index) -> TrainedNetwork:
    """A tagger of random parameters, whose predictions are anything but O, and its word table."""
    tagger = cnn_bilstm.build_tagger(settings, index, mx.cpu())
    cnn_bilstm.set_parameters(tagger, initial_parameters(tagger, settings.model, 1))
    num_words = index.vocab["word"].num_values
    words = draw_embeddings(num_words, settings.model.word_units, 1, None, num_words)
    return TrainedNetwork(tagger, words.weight_VD)


def scored(
    settings: Config, index: Index, shards: Path, comm: Solo | ThreadComm, batch: int, split: str = "test"
) -> tuple[np.ndarray, list[int]]:
    """(counts of the split, ids of the sentences this rank has scored)."""
    sentences = ShardReader(shards, index, split, owned_shards(8, comm.num_ranks, comm.rank), 1)
    seen: list[int] = []

    def observe(predicted: DecodedBatch) -> None:
        assert predicted.tag_TB.shape == predicted.batch.tag_TB.shape
        seen.extend(predicted.batch.sentence_id_B.tolist())

    num_types = len(index.entity_types)
    batches = sentences.scoring_batches(batch)
    counts = score_split(untrained(settings, index), batches, num_types, comm, observe)
    return counts.to_vector(), seen


def test_counts_are_those_of_all_sentences_one_by_one(settings: Config, index: Index, synth_shards: Path) -> None:
    vector, seen = scored(settings, index, synth_shards, Solo(), 16)
    assert sorted(seen) == list(range(40))
    num_types = len(index.entity_types)
    sentences = ShardReader(synth_shards, index, "test", list(range(8)), 1)
    total = np.zeros_like(vector)
    for batch, _, _, predicted_TB, _ in decode_batches(untrained(settings, index), sentences.scoring_batches(1)):
        gold, predicted = batch.tag_TB[:, 0].astype(np.int64), predicted_TB[:, 0]
        total += count(gold, predicted, np.arange(len(gold)) == 0, num_types).to_vector()
    np.testing.assert_array_equal(vector, total)
    assert vector.dtype == np.int64


def test_gold_entities_are_those_of_the_index(settings: Config, index: Index, synth_shards: Path) -> None:
    vector, _ = scored(settings, index, synth_shards, Solo(), 64)
    result = scores(Counts.from_vector(vector, len(index.entity_types)), index.entity_types)["entity"]
    assert {name: part["gold"] for name, part in result["per_type"].items()} == index.stats["test"]["entities"]
    assert result["predicted"] > 20


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_the_size_of_batches_does_not_matter(settings: Config, index: Index, synth_shards: Path, batch: int) -> None:
    expected, _ = scored(settings, index, synth_shards, Solo(), 16)
    np.testing.assert_array_equal(scored(settings, index, synth_shards, Solo(), batch)[0], expected)


@pytest.mark.parametrize("num_ranks", [2, 3, 8])
def test_ranks_score_each_sentence_once_and_add_up(
    settings: Config, index: Index, synth_shards: Path, num_ranks: int
) -> None:
    expected, _ = scored(settings, index, synth_shards, Solo(), 16)
    parts = on_ranks(num_ranks, lambda comm: scored(settings, index, synth_shards, comm, 16))
    for vector, _ in parts:
        np.testing.assert_array_equal(vector, expected)
    assert Counter(sentence for _, seen in parts for sentence in seen) == Counter(range(40))


def test_sentences_end_to_end_have_no_padding_and_marked_beginnings() -> None:
    tag_TB = np.array([[1, 4, 7], [2, 5, 0], [3, 0, 0]])
    flat, starts = concatenate_sentences(tag_TB, np.array([3, 2, 1]))
    assert flat.tolist() == [1, 2, 3, 4, 5, 7]
    assert starts.tolist() == [True, False, False, True, False, True]
