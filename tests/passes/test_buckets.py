"""Bucket edges: the exact optimum, whatever the histogram."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes.buckets import bucket_ids, optimal_edges, padding_share


def padding(histogram: np.ndarray, edges: list[int]) -> int:
    lengths = np.repeat(np.arange(len(histogram)), histogram)
    return int((np.array(edges)[bucket_ids(lengths, edges)] - lengths).sum())


histograms = st.lists(st.integers(0, 5), min_size=2, max_size=9).map(lambda counts: np.array([0, *counts]))


@given(histograms.filter(lambda histogram: histogram.any()), st.integers(1, 6))
def test_edges_pad_as_little_as_the_best_of_all_choices(histogram: np.ndarray, num_buckets: int) -> None:
    edges = optimal_edges(histogram, num_buckets)
    present = np.flatnonzero(histogram).tolist()
    num_edges = min(num_buckets, len(present))
    assert len(edges) == num_edges
    assert edges == sorted(set(edges))
    assert edges[-1] == present[-1]
    choices = [[*inner, present[-1]] for inner in combinations(present[:-1], num_edges - 1)]
    assert padding(histogram, edges) == min(padding(histogram, choice) for choice in choices)


@given(histograms.filter(lambda histogram: histogram.any()))
def test_one_bucket_per_length_pads_nothing(histogram: np.ndarray) -> None:
    edges = optimal_edges(histogram, len(histogram))
    assert edges == np.flatnonzero(histogram).tolist()
    assert padding_share(histogram, edges) == 0


def test_padding_share_is_padding_over_slots() -> None:
    # One sentence of 2 and one of 4 in slots of 4.
    assert padding_share(np.array([0, 0, 1, 0, 1]), [4]) == pytest.approx(2 / 8)


def test_a_length_equal_to_an_edge_belongs_to_that_bucket() -> None:
    assert bucket_ids(np.array([1, 3, 4, 7]), [3, 7]).tolist() == [0, 0, 1, 1]


def test_large_counts_do_not_overflow() -> None:
    histogram = np.zeros(513, np.int64)
    histogram[[1, 2, 511, 512]] = 10**12
    assert optimal_edges(histogram, 2) == [2, 512]


@pytest.mark.parametrize(("histogram", "num_buckets"), [([0, 0], 3), ([0, 1], 0)])
def test_no_sentences_or_no_buckets_is_an_error(histogram: list[int], num_buckets: int) -> None:
    with pytest.raises(ValueError, match=r"no sentences|0 buckets"):
        optimal_edges(np.array(histogram), num_buckets)
