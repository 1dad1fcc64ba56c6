"""Distinct ids through a table: what numpy's sorting finds, call after call."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_dist.data.batch import Deduplicator


@given(st.lists(st.lists(st.integers(0, 19), max_size=40), max_size=6))
def test_it_finds_what_sorting_finds_whatever_was_found_before(calls: list[list[int]]) -> None:
    distinct = Deduplicator(20)
    for ids in calls:
        ids_M = np.array(ids, np.int32)
        expected, places = np.unique(ids_M, return_inverse=True)
        found = distinct.find(ids_M)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(distinct.places(ids_M), places)


def test_the_limit_is_padding_and_stands_at_0() -> None:
    distinct = Deduplicator(20)
    assert distinct.find(np.array([7, 3, 7])).tolist() == [3, 7]
    assert distinct.places(np.array([[7, 20], [3, 20]])).tolist() == [[1, 0], [0, 0]]
    assert distinct.places(np.array([7])).dtype == np.int32
