"""The confidence of sentences: against trying every valid tag sequence, at any temperature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ner_dist.contract.tag_schemes import broken_tokens, split_ids
from ner_dist.data.batch import Batch
from ner_dist.model.confidence import sentence_certainty
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.model.second_best import best_two_scores
from ner_dist.model.viterbi import decode, n_best

LENGTHS = [3, 1, 4, 2, 4, 1]


def decoded(num_types: int, temperature: float = 1.0, seed: int = 0) -> DecodedBatch:
    rng = np.random.default_rng(seed)
    num_tags = 1 + 4 * num_types
    sizes = num_tags, (num_tags, num_tags), num_tags
    scores = TransitionScores(*(rng.normal(0, 1, size) for size in sizes))
    emission_TBK = rng.normal(0, 2, (max(LENGTHS), len(LENGTHS), num_tags)).astype(np.float32)
    batch = Batch(*[np.zeros(0)] * (len(Batch._fields)))._replace(length_B=np.array(LENGTHS))
    return DecodedBatch(batch, emission_TBK, scores, decode(emission_TBK, np.array(LENGTHS), scores), temperature)


def all_probabilities(given: DecodedBatch, column: int) -> dict[tuple[int, ...], float]:
    """Every valid tag sequence of a sentence with its probability."""
    length, scores = LENGTHS[column], given.transition_scores
    starts = np.arange(length) == 0
    total = {}
    for tags in itertools.product(range(len(scores.start_K)), repeat=length):
        if not broken_tokens(*split_ids(np.array(tags)), starts, "bilou").any():
            score = scores.start_K[tags[0]] + scores.end_K[tags[-1]]
            score += sum(scores.transition_KK[pair] for pair in zip(tags, tags[1:]))
            score += sum(float(given.emission_TBK[t, column, tag]) for t, tag in enumerate(tags))
            total[tags] = np.exp(score / given.temperature)
    return {tags: value / sum(total.values()) for tags, value in total.items()}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_probability_and_margin_are_those_of_all_readings(temperature: float) -> None:
    given = decoded(1, temperature)
    found = sentence_certainty(given)
    for column, length in enumerate(LENGTHS):
        every = all_probabilities(given, column)
        best, second = sorted(every.values(), reverse=True)[:2]
        assert every[tuple(given.tag_TB[:length, column].tolist())] == best
        assert found.probability_B[column] == pytest.approx(best, rel=1e-9)
        assert found.margin_B[column] == pytest.approx(best - second, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_confidence_of_entities_is_that_of_all_readings_with_them(temperature: float) -> None:
    given = decoded(1, temperature, seed=5)
    found = predicted_entities(given)
    assert len(found.sentence_S) > 2
    for column, first, end, _, confidence in zip(*(part.tolist() for part in found)):
        own = tuple(given.tag_TB[first:end, column].tolist())
        every = all_probabilities(given, column)
        assert confidence == pytest.approx(sum(p for tags, p in every.items() if tags[first:end] == own), rel=1e-9)


def test_the_two_best_scores_are_those_of_n_best() -> None:
    for seed, num_types in enumerate([1, 2, 4]):
        given = decoded(num_types, seed=seed)
        part = given.emission_TBK, given.batch.length_B, given.transition_scores
        np.testing.assert_allclose(np.stack(best_two_scores(*part)), n_best(*part, 2)[1], rtol=1e-12)


def test_without_a_second_reading_the_margin_is_1() -> None:
    given = decoded(0)
    assert sentence_certainty(given).probability_B == pytest.approx(1)
    assert sentence_certainty(given).margin_B.tolist() == [1] * len(LENGTHS)


def test_two_equally_good_readings_have_no_margin() -> None:
    given = decoded(1)
    even = TransitionScores(*map(np.zeros_like, given.transition_scores))
    level = given._replace(emission_TBK=np.zeros_like(given.emission_TBK), transition_scores=even)
    assert sentence_certainty(level).margin_B.tolist() == [0] * len(LENGTHS)
    # O, and an entity of one token.
    assert sentence_certainty(level).probability_B[LENGTHS.index(1)] == pytest.approx(0.5)


def test_steep_scores_give_certainty() -> None:
    given = decoded(2)
    steep = sentence_certainty(given._replace(emission_TBK=given.emission_TBK * 50))
    assert np.isfinite(steep).all()
    assert np.stack(steep) == pytest.approx(1)


def test_the_warmer_the_less_certain() -> None:
    probability_TB = np.stack([sentence_certainty(decoded(2, t)).probability_B for t in (0.25, 0.5, 1, 2, 4)])
    assert (np.diff(probability_TB, axis=0) < 0).all()
