"""The most uncertain texts are picked, unless they are like others."""

from __future__ import annotations

import numpy as np

from ner_dist.suggesting.choose import choose

# Two pairs of equal texts.
VECTORS = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]]
UNCERTAINTY = np.array([0.9, 0.8, 0.3, 0.1])
NOTHING = np.zeros(4, np.float32)


def test_without_diversity_uncertainty_decides() -> None:
    assert [pick.candidate for pick in choose(UNCERTAINTY, VECTORS, NOTHING, 3, 0)] == [0, 1, 2]


def test_a_text_like_one_that_is_picked_comes_later() -> None:
    picks = choose(UNCERTAINTY, VECTORS, NOTHING, 9, 0.5)
    assert [pick.candidate for pick in picks] == [0, 2, 1, 3]
    assert [pick.similarity for pick in picks] == [0, 0, 1, 1]


def test_a_text_like_a_labelled_one_comes_later() -> None:
    assert choose(UNCERTAINTY, VECTORS, np.array([1, 1, 0, 0], np.float32), 1, 1)[0].candidate == 2


def test_of_equal_ones_the_first_is_picked() -> None:
    assert [pick.candidate for pick in choose(np.ones(3), np.eye(3, dtype=np.float32), NOTHING[:3], 2, 0)] == [0, 1]
    assert choose(np.zeros(0), np.zeros((0, 4), np.float32), NOTHING[:0], 2, 1) == []
