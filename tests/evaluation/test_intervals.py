"""Intervals at the edges and in the middle."""

from __future__ import annotations

import pytest

from ner_dist.evaluation.intervals import f1_interval, wilson


def test_all_right_does_not_read_100_to_100():
    low, high = wilson(76, 76)
    assert (round(low, 4), high) == (0.9519, 1.0)
    assert f1_interval(76, 76, 76) == pytest.approx((2 * low / (1 + low), 1.0))


def test_none_right_does_not_read_0_to_0():
    low, high = wilson(0, 10)
    assert (low, round(high, 4)) == (0.0, 0.2775)
    assert f1_interval(0, 10, 10) == pytest.approx((0.0, 2 * 0.1611 / 1.1611), abs=1e-4)


def test_wilson_as_published():
    # Newcombe 1998, Stat. Med. 17:857, table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_nothing_to_count_is_anything():
    assert wilson(0, 0) == (0.0, 1.0) == f1_interval(0, 0, 0)


def test_intervals_hold_the_value_and_shrink_with_its_size():
    low, high = f1_interval(900, 1000, 1000)
    smaller_low, smaller_high = f1_interval(90, 100, 100)
    assert smaller_low < low < 0.9 < high < smaller_high


def test_more_right_than_there_are_is_refused():
    with pytest.raises(ValueError, match="3 right of 2"):
        wilson(3, 2)
