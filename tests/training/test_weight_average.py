"""The moving average of the parameters: exactly the formula, and an exchange that loses nothing."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from ner_dist.training.weight_average import _STRIDE, WeightAverage


def followed(decay: float, num_steps: int) -> tuple[WeightAverage, list[list[np.ndarray]], mx.nd.NDArray, np.ndarray]:
    """An average after so many steps of a walk; the walk's arrays at its beginning and after each step, and now."""
    rng = np.random.default_rng(0)
    weight_P = mx.nd.array(rng.normal(size=10))
    words_LD = rng.normal(size=(5, 2)).astype(np.float32)
    average = WeightAverage(decay, weight_P, words_LD)
    walk = [[weight_P.asnumpy(), words_LD.copy()]]
    for _ in range(num_steps):
        weight_P += mx.nd.array(rng.normal(size=weight_P.shape))
        words_LD += rng.normal(size=words_LD.shape).astype(np.float32)
        average.update()
        walk.append([weight_P.asnumpy(), words_LD.copy()])
    return average, walk, weight_P, words_LD


@pytest.mark.parametrize(("decay", "num_steps"), [(0.9, 7), (0.9, 95), (0.999, 200), (0.5, 40)])
def test_the_average_is_that_of_the_formula(decay: float, num_steps: int) -> None:
    average, walk, _, _ = followed(decay, num_steps)
    expected = [array.astype(np.float64) for array in walk[0]]
    for looks, step in enumerate(range(_STRIDE, num_steps + 1, _STRIDE), 1):
        memory = min(decay**_STRIDE, looks / (looks + 9))
        expected = [memory * old + (1 - memory) * new for old, new in zip(expected, walk[step])]
    for found, array in zip([average.weight_P.asnumpy(), average.words_LD], expected):
        np.testing.assert_allclose(found, array, rtol=1e-4, atol=1e-5)


def test_parameters_that_stand_still_are_their_average() -> None:
    weight_P, words_LD = mx.nd.array([1.5, -2.0]), np.full((2, 2), 0.25, np.float32)
    average = WeightAverage(0.9, weight_P, words_LD)
    for _ in range(50):
        average.update()
    assert average.weight_P.asnumpy().tolist() == [1.5, -2.0]
    assert (average.words_LD == 0.25).all()


def test_an_exchange_changes_places_bitwise_and_a_second_one_changes_back() -> None:
    average, _, weight_P, words_LD = followed(0.9, 30)
    now = [weight_P.asnumpy(), words_LD.copy()]
    mean = [average.weight_P.asnumpy(), average.words_LD.copy()]
    assert not np.array_equal(now[0], mean[0])
    for inside, outside in ((mean, now), (now, mean)):
        average.swap()
        for found, expected in zip([weight_P.asnumpy(), words_LD], inside):
            np.testing.assert_array_equal(found, expected)
        kept = [average.weight_P.asnumpy(), average.words_LD]
        for found, expected in zip(kept, outside):
            np.testing.assert_array_equal(found, expected)
