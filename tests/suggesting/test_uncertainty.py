"""Uncertainty counts for each token, by each measure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tagged_texts import tagged

from ner_dist.suggesting.uncertainty import MEASURES, uncertainty

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "random"])
def test_what_is_less_sure_or_shorter_is_more_uncertain(measure: str) -> None:
    values = [
        uncertainty(document, measure, RNG)
        for document in (
            tagged("a b", 0.6, 0.2),
            tagged("a b", 0.9, 0.8),
            tagged("a b c d", 0.9, 0.8),
            tagged("a", 1, 1),
        )
    ]
    assert values == sorted(values, reverse=True)
    assert (len(set(values)), values[-1]) == (4, 0)


def test_probability_is_the_log_probability_of_the_best_reading_by_token() -> None:
    assert uncertainty(tagged("a b", 0.25), "probability", RNG) == pytest.approx(math.log(2))


def test_a_probability_of_zero_is_no_infinity() -> None:
    assert math.isfinite(uncertainty(tagged("a", 0.0), "probability", RNG))


def test_entropy_counts_entities_too() -> None:
    assert uncertainty(tagged("a", 1, entity=0.5), "entropy", RNG) == pytest.approx(math.log(2))


def test_random_depends_on_the_generator_alone() -> None:
    first, second = (uncertainty(tagged("a"), "random", np.random.default_rng(7)) for _ in range(2))
    assert first == second
