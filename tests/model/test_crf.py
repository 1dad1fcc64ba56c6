"""The CRF: against enumerating every tag sequence, and its gradient against finite differences."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from ner_dist.contract.tag_schemes import broken_tokens, split_ids
from ner_dist.model import crf
from ner_dist.model.crf import TransitionScores, zero_transition_scores

# Sentences of a batch, shortest and longest in no order.
LENGTHS = [2, 5, 1, 4, 3, 5]


def made(num_tags: int, lengths: list[int], seed: int = 0, spread: float = 1.0) -> tuple[np.ndarray, ...]:
    """Emissions with noise for padding, gold tags, lengths, and scores."""
    rng = np.random.default_rng([seed, num_tags])
    emission_TBK = rng.normal(0, spread, (max(lengths), len(lengths), num_tags))
    tag_TB = rng.integers(0, num_tags, emission_TBK.shape[:2])
    scores = TransitionScores(*(rng.normal(0, spread, shape) for shape in (num_tags, (num_tags, num_tags), num_tags)))
    return emission_TBK, tag_TB, np.array(lengths), scores  # type: ignore[return-value]


def score(tags: tuple[int, ...], emission_TK: np.ndarray, scores: TransitionScores) -> float:
    """The score of one sequence, added up."""
    total = scores.start_K[tags[0]] + scores.end_K[tags[-1]]
    total += sum(emission_TK[t, tag] for t, tag in enumerate(tags))
    return total + sum(scores.transition_KK[a, b] for a, b in zip(tags, tags[1:]))


def sequences(num_tags: int, length: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(range(num_tags), repeat=length)


def enumerated_loss(
    emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> float:
    loss = 0.0
    for column, length in enumerate(length_B.tolist()):
        emission_TK = emission_TBK[:length, column]
        every = [score(tags, emission_TK, scores) for tags in sequences(emission_TBK.shape[2], length)]
        loss += np.logaddexp.reduce(every) - score(tuple(tag_TB[:length, column]), emission_TK, scores)
    return loss


@pytest.mark.parametrize("num_tags", [1, 2, 3, 4, 5])
def test_the_loss_is_that_of_all_sequences_enumerated(num_tags: int) -> None:
    arguments = made(num_tags, LENGTHS)
    assert crf.loss_and_gradient(*arguments).loss == pytest.approx(enumerated_loss(*arguments), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("num_tags", [2, 5])
def test_the_gradient_is_that_of_finite_differences(num_tags: int) -> None:
    emission_TBK, tag_TB, length_B, scores = made(num_tags, [3, 1, 4])
    found = crf.loss_and_gradient(emission_TBK, tag_TB, length_B, scores)
    for gradient, values in zip([found.emission_gradient_TBK, *found.transition_gradient], [emission_TBK, *scores]):
        assert gradient.shape == values.shape
        for place in np.ndindex(values.shape):
            before, slopes = values[place], []
            for shift in (1e-5, -1e-5):
                # The arrays are those of emission_TBK and scores, changed in place.
                values[place] = before + shift
                slopes.append(crf.loss_and_gradient(emission_TBK, tag_TB, length_B, scores).loss / (2 * shift))
            values[place] = before
            assert gradient[place] == pytest.approx(sum(slopes), abs=1e-8)


def test_padding_has_no_gradient_and_neither_padding_nor_mates_matter() -> None:
    emission_TBK, tag_TB, length_B, scores = made(4, LENGTHS)
    together = crf.loss_and_gradient(emission_TBK, tag_TB, length_B, scores)
    losses = []
    for column, length in enumerate(LENGTHS):
        assert not together.emission_gradient_TBK[length:, column].any()
        one = slice(column, column + 1)
        alone = crf.loss_and_gradient(emission_TBK[:length, one], tag_TB[:length, one], length_B[one], scores)
        np.testing.assert_allclose(
            together.emission_gradient_TBK[:length, one], alone.emission_gradient_TBK, rtol=1e-10, atol=1e-14
        )
        losses.append(alone.loss)
    assert together.loss == pytest.approx(sum(losses), rel=1e-12)


@pytest.mark.parametrize("num_tags", [1, 2, 3, 4, 5])
def test_marginals_are_the_shares_of_the_sequences_that_bear_the_tag(num_tags: int) -> None:
    emission_TBK, _, length_B, scores = made(num_tags, LENGTHS)
    found_TBK = crf.marginals(emission_TBK, length_B, scores)
    for column, length in enumerate(LENGTHS):
        expected_TK = np.zeros((length, num_tags))
        for tags in sequences(num_tags, length):
            expected_TK[np.arange(length), tags] += np.exp(score(tags, emission_TBK[:length, column], scores))
        expected_TK /= expected_TK[0].sum()
        np.testing.assert_allclose(found_TBK[:length, column], expected_TK, rtol=1e-10)
        assert not found_TBK[length:, column].any()


def test_the_probability_of_a_span_is_the_share_of_the_sequences_that_hold_it() -> None:
    emission_TBK, tag_TB, length_B, scores = made(5, LENGTHS)
    places = [(b, i, j) for b, length in enumerate(LENGTHS) for i in range(length) for j in range(i + 1, length + 1)]
    spans = tuple(np.array(part) for part in zip(*places))
    found_S = crf.span_probabilities(emission_TBK, length_B, scores, tag_TB, spans)  # type: ignore[arg-type]
    for (column, first, end), found in zip(places, found_S):
        weight = {
            tags: np.exp(score(tags, emission_TBK[: LENGTHS[column], column], scores))
            for tags in sequences(5, LENGTHS[column])
        }
        with_it = sum(w for tags, w in weight.items() if tags[first:end] == tuple(tag_TB[first:end, column]))
        assert found == pytest.approx(with_it / sum(weight.values()), rel=1e-10)
    empty = tuple(np.zeros(0, np.int64) for _ in range(3))
    assert len(crf.span_probabilities(emission_TBK, length_B, scores, tag_TB, empty)) == 0


def test_what_bilou_forbids_has_no_probability() -> None:
    emission_TBK, _, length_B, scores = made(9, [3, 2])
    allowed = scores.allowed()
    found_TBK = crf.marginals(emission_TBK, length_B, allowed)
    for column, length in enumerate([3, 2]):
        starts = np.arange(length) == 0
        weight = {
            tags: np.exp(score(tags, emission_TBK[:length, column], scores))
            for tags in sequences(9, length)
            if not broken_tokens(*split_ids(np.array(tags)), starts, "bilou").any()
        }
        for tag in range(9):
            expected = sum(w for tags, w in weight.items() if tags[0] == tag) / sum(weight.values())
            assert found_TBK[0, column, tag] == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_a_forbidden_gold_sequence_gives_an_infinite_loss_and_no_nan() -> None:
    emission_TBK, tag_TB, length_B, scores = made(5, [2])
    # I without a B before it.
    tag_TB[:] = [[2], [3]]
    found = crf.loss_and_gradient(emission_TBK, tag_TB, length_B, scores.allowed())
    assert found.loss == np.inf
    assert np.isfinite(found.emission_gradient_TBK).all()


def test_long_and_steep_sentences_neither_overflow_nor_vanish() -> None:
    emission_TBK, tag_TB, length_B, scores = made(9, [2000, 7], spread=40.0)
    found = crf.loss_and_gradient(emission_TBK, tag_TB, length_B, scores)
    assert np.isfinite(found.loss)
    np.testing.assert_allclose(crf.marginals(emission_TBK, length_B, scores)[:7].sum(2), 1, rtol=1e-9)
    # The recursion in logarithms.
    reached_BK = emission_TBK[0] + scores.start_K
    partition = 0.0
    for column, length in enumerate([2000, 7]):
        reached_K = reached_BK[column]
        for t in range(1, length):
            reached_K = np.logaddexp.reduce(reached_K[:, None] + scores.transition_KK) + emission_TBK[t, column]
        gold = score(tuple(tag_TB[:length, column]), emission_TBK[:, column], scores)
        partition += np.logaddexp.reduce(reached_K + scores.end_K) - gold
    assert found.loss == pytest.approx(partition, rel=1e-9)


def test_neutral_scores_make_it_the_softmax_of_each_token() -> None:
    emission_TBK, tag_TB, length_B, _ = made(6, LENGTHS)
    found = crf.loss_and_gradient(emission_TBK, tag_TB, length_B, zero_transition_scores(6))
    log_TBK = emission_TBK - np.logaddexp.reduce(emission_TBK, axis=2, keepdims=True)
    expected = -sum(log_TBK[t, b, tag_TB[t, b]] for b, length in enumerate(LENGTHS) for t in range(length))
    assert found.loss == pytest.approx(expected, rel=1e-12)


def test_the_log_partition_is_that_of_all_sequences_enumerated() -> None:
    emission_TBK, _, length_B, scores = made(4, LENGTHS)
    found_B = crf.log_partition(emission_TBK, length_B, scores)
    for column, length in enumerate(LENGTHS):
        every = [score(tags, emission_TBK[:length, column], scores) for tags in sequences(4, length)]
        assert found_B[column] == pytest.approx(np.logaddexp.reduce(every), rel=1e-12)


def test_emissions_in_single_precision_are_added_up_in_double() -> None:
    emission_TBK, tag_TB, length_B, scores = made(5, [400, 300], spread=9.0)
    narrow_TBK = emission_TBK.astype(np.float32)
    wide = crf.loss_and_gradient(narrow_TBK.astype(np.float64), tag_TB, length_B, scores)
    assert crf.loss_and_gradient(narrow_TBK, tag_TB, length_B, scores).loss == wide.loss


def test_tokens_and_sentences_may_differ_in_scale_by_any_factor() -> None:
    """Each is normalised by itself: what one batch mate or token has cannot make another vanish."""
    emission_TBK, _, length_B, scores = made(5, [900, 900])
    # One sentence is certain of one tag, the other has no preference: 5 to the power of 900 times as many sequences.
    emission_TBK[:, 0] = [0, -200, -200, -200, -200]
    emission_TBK[:, 1] = 0
    # Every tag of a token alike: probabilities do not change.
    shifted_TBK = emission_TBK + np.where(np.arange(900) % 2, 1500.0, -1500.0)[:, None, None]
    expected_TBK = crf.marginals(emission_TBK, length_B, scores)
    np.testing.assert_allclose(expected_TBK.sum(2), 1, rtol=1e-9)
    np.testing.assert_allclose(crf.marginals(shifted_TBK, length_B, scores), expected_TBK, rtol=1e-9)
    for one in (slice(0, 1), slice(1, 2)):
        alone_TBK = crf.marginals(emission_TBK[:, one], length_B[one], scores)
        np.testing.assert_allclose(expected_TBK[:, one], alone_TBK, rtol=1e-9)
