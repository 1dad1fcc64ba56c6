"""Viterbi decoding: against trying every valid tag sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_dist.spans import broken_tokens, spans_to_bilou, split_ids, strict_spans
from ner_dist.viterbi import decode


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
    decoded_TB = decode(*pad(emissions), num_types)
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
    decoded_TB = decode(*pad(emissions), num_types)
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
    together_TB = decode(*pad(emissions), 2)
    for column, (length, emission) in enumerate(zip(lengths, emissions)):
        alone_T1 = decode(emission[:, None], np.array([length]), 2)
        np.testing.assert_array_equal(together_TB[:length, column], alone_T1[:, 0])


def test_a_forbidden_sequence_is_not_chosen_however_much_better_it_is() -> None:
    # One type: O B I L U. The best tags one by one would be I I I.
    emission_T1K = np.full((3, 1, 5), -1e6)
    emission_T1K[:, 0, 2] = 1e6
    assert decode(emission_T1K, np.array([3]), 1)[:, 0].tolist() == [1, 2, 3]


def test_the_best_tags_one_by_one_are_kept_if_they_are_valid() -> None:
    tags = [1, 2, 3, 0, 8, 5, 7]
    emission_T1K = np.random.default_rng(0).normal(0, 1, (7, 1, 9))
    emission_T1K[np.arange(7), 0, tags] += 10
    assert decode(emission_T1K, np.array([7]), 2)[:, 0].tolist() == tags
