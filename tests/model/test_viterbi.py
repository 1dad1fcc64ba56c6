"""Viterbi decoding: against trying every valid tag sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_dist.contract.tag_schemes import broken_tokens, spans_to_bilou, split_ids, strict_spans
from ner_dist.model.crf import TransitionScores, zero_transition_scores
from ner_dist.model.viterbi import _best, decode, n_best


def is_valid(tags: tuple[int, ...]) -> bool:
    """BILOU that says the same once its complete entities are written anew."""
    starts = np.arange(len(tags)) == 0
    spans = strict_spans(*split_ids(np.array(tags)), starts)
    return bool((spans_to_bilou(spans, len(tags)) == tags).all())


def valid_sequences(num_types: int, length: int) -> list[tuple[int, ...]]:
    return [tags for tags in itertools.product(range(1 + 4 * num_types), repeat=length) if is_valid(tags)]


def pad(emissions: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Sentences (T, K) -> (T, B, K) with noise as padding, and lengths."""
    length_B = np.array([len(emission) for emission in emissions])
    noise = np.random.default_rng(9).normal(0, 100, (length_B.max(), len(emissions), emissions[0].shape[1]))
    for column, emission in enumerate(emissions):
        noise[: len(emission), column] = emission
    return noise.astype(np.float32), length_B


@pytest.mark.parametrize("num_types", [1, 2])
def test_decoding_finds_the_best_of_all_valid_sequences(num_types: int) -> None:
    rng = np.random.default_rng(num_types)
    lengths = [length for length in (1, 2, 3, 4) for _ in range(40)]
    # Few distinct numbers, so that ties occur, and steep ones, so that the best tag of a token is often forbidden.
    emissions = [rng.integers(-3, 4, (length, 1 + 4 * num_types)) * rng.choice([0.25, 8.0]) for length in lengths]
    decoded_TB = decode(*pad(emissions), zero_transition_scores(1 + 4 * num_types))
    candidates = {length: valid_sequences(num_types, length) for length in set(lengths)}
    assert [len(candidates[length]) for length in (1, 2)] == [1 + num_types, (1 + num_types) ** 2 + num_types]
    for column, (length, emission) in enumerate(zip(lengths, emissions)):
        found = tuple(decoded_TB[:length, column].tolist())
        assert is_valid(found)
        total = {tags: sum(emission[t, k] for t, k in enumerate(tags)) for tags in candidates[length]}
        assert total[found] == max(total.values())


@settings(max_examples=100)
@given(st.integers(1, 4), st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 1 << 30))
def test_every_output_is_valid_and_0_beyond_the_end(num_types: int, lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    emissions = [rng.normal(0, 5, (length, 1 + 4 * num_types)) for length in lengths]
    decoded_TB = decode(*pad(emissions), zero_transition_scores(1 + 4 * num_types))
    assert decoded_TB.dtype == np.int64
    for column, length in enumerate(lengths):
        starts = np.arange(length) == 0
        assert not broken_tokens(*split_ids(decoded_TB[:length, column]), starts, "bilou").any()
        assert (decoded_TB[length:, column] == 0).all()


@settings(max_examples=50)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.integers(0, 1 << 30))
def test_neither_padding_nor_batch_mates_matter(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    emissions = [rng.normal(0, 2, (length, 9)).astype(np.float32) for length in lengths]
    together_TB = decode(*pad(emissions), zero_transition_scores(9))
    for column, (length, emission) in enumerate(zip(lengths, emissions)):
        alone_T1 = decode(emission[:, None], np.array([length]), zero_transition_scores(9))
        np.testing.assert_array_equal(together_TB[:length, column], alone_T1[:, 0])


def test_a_forbidden_sequence_is_not_chosen_however_much_better_it_is() -> None:
    # One type: O B I L U. The best tags one by one would be I I I.
    emission_T1K = np.full((3, 1, 5), -1e6)
    emission_T1K[:, 0, 2] = 1e6
    assert decode(emission_T1K, np.array([3]), zero_transition_scores(5))[:, 0].tolist() == [1, 2, 3]


def test_the_best_tags_one_by_one_are_kept_if_they_are_valid() -> None:
    tags = [1, 2, 3, 0, 8, 5, 7]
    emission_T1K = np.random.default_rng(0).normal(0, 1, (7, 1, 9))
    emission_T1K[np.arange(7), 0, tags] += 10
    assert decode(emission_T1K, np.array([7]), zero_transition_scores(9))[:, 0].tolist() == tags


def random_scores(num_tags: int, seed: int) -> TransitionScores:
    rng = np.random.default_rng(seed)
    return TransitionScores(*(rng.normal(0, 2, shape) for shape in (num_tags, (num_tags, num_tags), num_tags)))


def ranked(emission: np.ndarray, scores: TransitionScores, num_types: int) -> list[tuple[float, tuple[int, ...]]]:
    """Every valid sequence with its score, best first."""
    return sorted(
        (
            (
                sum(emission[t, k] for t, k in enumerate(tags))
                + scores.start_K[tags[0]]
                + sum(scores.transition_KK[a, b] for a, b in zip(tags, tags[1:]))
                + scores.end_K[tags[-1]],
                tags,
            )
            for tags in valid_sequences(num_types, len(emission))
        ),
        reverse=True,
    )


@pytest.mark.parametrize("num_types", [1, 2])
def test_decoding_adds_transition_scores(num_types: int) -> None:
    rng = np.random.default_rng(num_types)
    emissions = [rng.normal(0, 2, (length, 1 + 4 * num_types)).astype(np.float32) for length in (1, 2, 3, 4) * 5]
    scores = random_scores(1 + 4 * num_types, 3)
    decoded_TB = decode(*pad(emissions), scores)
    for column, emission in enumerate(emissions):
        assert tuple(decoded_TB[: len(emission), column]) == ranked(emission, scores, num_types)[0][1]


@pytest.mark.parametrize(("num_types", "n"), [(1, 1), (1, 6), (2, 5), (2, 40)])
def test_the_n_best_are_the_first_n_of_all_valid_sequences(num_types: int, n: int) -> None:
    rng = np.random.default_rng(n)
    emissions = [rng.normal(0, 2, (length, 1 + 4 * num_types)).astype(np.float32) for length in (3, 1, 4, 2, 4)]
    scores = random_scores(1 + 4 * num_types, n)
    tag_RTB, score_RB = n_best(*pad(emissions), scores, n)
    assert tag_RTB.shape == (n, 4, 5)
    for column, emission in enumerate(emissions):
        expected = ranked(emission, scores, num_types)[:n]
        for rank, (total, tags) in enumerate(expected):
            assert tuple(tag_RTB[rank, : len(emission), column]) == tags
            assert score_RB[rank, column] == pytest.approx(total, rel=1e-6)
        # A short sentence may have fewer.
        assert (score_RB[len(expected) :, column] == -np.inf).all()
        assert not tag_RTB[len(expected) :, :, column].any()
        assert not tag_RTB[:, len(emission) :, column].any()


def test_the_best_of_n_is_what_decoding_finds() -> None:
    rng = np.random.default_rng(0)
    emissions = [rng.normal(0, 2, (length, 17)).astype(np.float32) for length in rng.integers(1, 30, 12)]
    padded, lengths = pad(emissions)
    scores = random_scores(17, 1)
    tag_RTB, score_RB = n_best(padded, lengths, scores, 3)
    np.testing.assert_array_equal(tag_RTB[0], decode(padded, lengths, scores))
    assert (np.diff(score_RB, axis=0) <= 0).all()


def test_of_equal_scores_the_first_come_first() -> None:
    # So many that an unstable sort shows.
    assert _best(np.zeros((2, 100)), 3).tolist() == [[0, 1, 2]] * 2
    assert _best(np.zeros((2, 100)), 1).tolist() == [[0]] * 2


def test_the_two_best_are_those_of_three() -> None:
    emissions = [np.random.default_rng(seed).normal(0, 1, (4, 5)) for seed in range(3)]
    two, three = (n_best(*pad(emissions), zero_transition_scores(5), n) for n in (2, 3))
    np.testing.assert_array_equal(two[0], three[0][:2])
    np.testing.assert_array_equal(two[1], three[1][:2])
