"""The forecast of a learning curve: the law that the scores were made of, and an interval that knows their noise."""

from __future__ import annotations

import numpy as np
import pytest

from bench.power_law import forecast

SIZES = np.repeat([2500.0, 5000.0, 7500.0, 10_000.0], 3)


def law(n: np.ndarray | float, c: float) -> np.ndarray:
    return 0.95 - 0.15 * (np.asarray(n) / 2500) ** -c


@pytest.mark.parametrize("c", [0.1, 0.4, 1.0])
def test_scores_without_noise_give_back_their_law(c: float) -> None:
    found = forecast(SIZES, law(SIZES, c))
    assert found is not None
    assert found.c == pytest.approx(c, abs=0.011)
    assert found.gain == pytest.approx(float(law(20_000, c) - law(10_000, c)), abs=5e-4)
    assert found.a - found.b * 5000.0**-found.c == pytest.approx(float(law(5000, c)), abs=1e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.gain < found.high


def test_the_interval_holds_the_truth_nineteen_times_of_twenty_and_is_wider_with_noise() -> None:
    rng = np.random.default_rng(0)
    true, hits, widths = law(20_000, 0.3) - law(10_000, 0.3), [], {}
    for noise in (0.001, 0.003):
        found = [forecast(SIZES, law(SIZES, 0.3) + rng.normal(0, noise, len(SIZES))) for _ in range(100)]
        hits += [one.low <= true <= one.high for one in found if one and one.low is not None and one.high is not None]
        widths[noise] = np.mean([one.high - one.low for one in found if one and one.high is not None and one.low])
    assert 0.9 <= np.mean(hits) <= 1
    assert widths[0.003] > 1.5 * widths[0.001]


def test_one_seed_says_nothing_of_chance_and_two_sizes_nothing_at_all() -> None:
    found = forecast(SIZES[::3], law(SIZES[::3], 0.3))
    assert found is not None
    assert (found.low, found.high) == (None, None)
    assert forecast(SIZES[:6], law(SIZES[:6], 0.3)) is None


def test_no_score_is_expected_above_1() -> None:
    found = forecast(SIZES, np.tile([0.5, 0.7, 0.9], 4) + np.repeat([-0.3, 0, 0.05, 0.08], 3))
    assert found is not None
    assert found.high is not None
    assert found.a - found.b * 10_000**-found.c + found.high <= 1 + 1e-9
    # As free as it likes, the law would go to 1.1.
    straight = forecast(SIZES, 0.5 + SIZES / 25_000)
    assert straight is not None
    assert straight.a <= 1
    assert straight.gain < 0.1
