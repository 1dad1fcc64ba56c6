"""Distinct ids through a table: the same as numpy's sorting finds, call after call."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_dist.data.batch import Deduplicator


@given(st.lists(st.lists(st.integers(0, 19), max_size=40), max_size=6))
def test_it_finds_what_sorting_finds_whatever_was_found_before(calls: list[list[int]]) -> None:
    deduplicator = Deduplicator(20)
    for ids in calls:
        ids_M = np.array(ids, np.int32)
        expected, positions = np.unique(ids_M, return_inverse=True)
        found = deduplicator.find(ids_M)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(deduplicator.positions(ids_M), positions)


def test_the_limit_is_padding_and_its_position_is_0() -> None:
    deduplicator = Deduplicator(20)
    assert deduplicator.find(np.array([7, 3, 7])).tolist() == [3, 7]
    assert deduplicator.positions(np.array([[7, 20], [3, 20]])).tolist() == [[1, 0], [0, 0]]
    assert deduplicator.positions(np.array([7])).dtype == np.int32
