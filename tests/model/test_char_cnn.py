"""The character CNN in numpy: against plain loops, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from ner_dist.model.char_cnn import Weights, backward, forward, make_windows

NUM_CHARS, NUM_TYPES = 12, 5


def padded(spellings: list[list[int]], width: int) -> tuple[np.ndarray, np.ndarray]:
    side = width // 2
    char_NC = np.zeros((len(spellings), max(map(len, spellings)) + 2 * side), np.int32)
    for row, spelling in enumerate(spellings):
        char_NC[row, side : side + len(spelling)] = spelling
    return char_NC, np.where(char_NC > 0, 1 + char_NC % (NUM_TYPES - 1), 0)


def weights_of(width: int, seed: int = 0, type_units: int = 2, dtype: str = "float64") -> Weights:
    rng = np.random.default_rng(seed)
    shapes = ((NUM_CHARS, 3), (NUM_TYPES, type_units), (4, 3 + type_units, width), (4,))
    return Weights(*(rng.normal(size=shape).astype(dtype) for shape in shapes))


def plain(spelling: list[int], weights: Weights, width: int) -> np.ndarray:
    """Of one spelling, window by window."""
    padding = [0] * (width // 2)
    units = [
        np.append(weights.char[char], weights.char_type[1 + char % (NUM_TYPES - 1) if char else 0])
        for char in [*padding, *spelling, *padding]
    ]
    seen = [
        [sum(filter_EK[:, k] @ units[at + k] for k in range(width)) for filter_EK in weights.filter_FEK]
        for at in range(len(spelling))
    ]
    return np.max(seen, axis=0) + weights.bias_F


SPELLINGS = [[3, 4, 5, 6, 7], [1], [11, 11], [2, 9, 1, 10], [8, 3, 8, 3, 8, 3, 8]]


@pytest.mark.parametrize("type_units", [0, 2])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_maximum_is_that_of_the_windows_in_plain_loops(width: int, type_units: int) -> None:
    weights = weights_of(width, type_units=type_units)
    found = forward(make_windows(*padded(SPELLINGS, width), width), weights).maximum_NF
    expected = [plain(spelling, weights, width) for spelling in SPELLINGS]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_padding_and_other_forms_change_nothing() -> None:
    weights = weights_of(3, dtype="float32")
    together = forward(make_windows(*padded(SPELLINGS, 3), 3), weights).maximum_NF
    assert together.dtype == np.float32
    for spelling, expected in zip(SPELLINGS, together):
        alone = forward(make_windows(*padded([spelling], 3), 3), weights).maximum_NF[0]
        np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("type_units", [0, 2])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_gradient_is_that_of_finite_differences(width: int, type_units: int) -> None:
    weights = weights_of(width, type_units=type_units)
    found = make_windows(*padded(SPELLINGS, width), width)
    factor_NF = np.random.default_rng(1).normal(size=(len(SPELLINGS), 4))

    def loss(moved: Weights) -> float:
        return float((forward(found, moved).maximum_NF * factor_NF).sum())

    gradient = backward(forward(found, weights), weights, factor_NF)
    for name, values, slopes in zip(Weights._fields, weights, gradient):
        assert slopes.shape == values.shape
        for place in np.ndindex(values.shape):
            sides = []
            for shift in (1e-6, -1e-6):
                moved = values.copy()
                moved[place] += shift
                sides.append(loss(weights._replace(**{name: moved})))
            assert slopes[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6, abs=1e-7), (name, place)


def test_of_equal_windows_one_alone_gets_the_gradient() -> None:
    # 5 5 5 5: the two windows in the middle are equal.
    weights = weights_of(3)
    char_features = forward(make_windows(*padded([[5, 5, 5, 5]], 3), 3), weights)
    assert set(char_features.argmax_NF.ravel().tolist()) <= {0, 1, 3}
    gradient = backward(char_features, weights, np.ones((1, 4)))
    assert gradient.bias_F.tolist() == [1, 1, 1, 1]
    # Each filter's gradient is the units of one window, not of two.
    norms = np.linalg.norm(gradient.filter_FEK, axis=1)
    units = np.linalg.norm(np.append(weights.char[5], weights.char_type[1 + 5 % 4]))
    assert norms.max() == pytest.approx(units)


def test_what_is_not_a_number_stays_none_and_breaks_nothing() -> None:
    weights = weights_of(3)
    weights.filter_FEK[0] = np.nan
    char_features = forward(make_windows(*padded(SPELLINGS, 3), 3), weights)
    assert np.isnan(char_features.maximum_NF[:, 0]).all()
    assert np.isfinite(char_features.maximum_NF[:, 1:]).all()
    gradient = backward(char_features, weights, np.ones(char_features.maximum_NF.shape))
    assert np.isnan(gradient.char).any()
