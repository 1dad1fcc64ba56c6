"""Classes of lengths, and text made visible."""

from __future__ import annotations

import numpy as np

from data_prep.statistics.tables import class_names, classes, visible


def test_lengths_fall_into_classes_and_all_are_counted() -> None:
    histogram_L = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    assert classes(histogram_L, (1, 2, 5)) == [1, 2 + 3 + 4, 5 + 6 + 7]
    assert classes(histogram_L[:3], (1, 2, 5)) == [1, 2, 0]
    assert class_names((1, 2, 5)) == ["1", "2-4", "5+"]


def test_what_cannot_be_seen_is_spelled_out_and_what_is_long_is_cut() -> None:
    assert visible("a\x1b[31m\u200b b\u00a0é") == "a\\x1b[31m\\u200b b\\xa0é"
    assert visible("x" * 50, 10) == "xxxxxxx..."
