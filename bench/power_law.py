"""What more data would bring: F1 = a - b n^-c through the scores at several sizes, and how far that is certain.

Written so that a very small c, where the law turns into a line over log n, is no special case:
F1 = f - s z, with z = ((n / N)^-c - 1) / c and N the largest size, so that f is the score there and s the slope over
log n. No law has a limit a above 1. Axes: P points, G sizes, C values of c that are tried.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_EXPONENTS_C = np.linspace(0.01, 2.0, 200)
# Of a normal distribution: 95 % lie within. Student's for 1 and 2 degrees of freedom; of more, its expansion is exact
# enough.
_NORMAL, _FEW = 1.959964, {1: 12.706, 2: 4.303}
# Of F1; runs that end in the same score by chance are not exact for that.
_LEAST_NOISE = 1e-4


class Forecast(NamedTuple):
    """The fitted law, and the gain of F1 with twice the largest size."""

    a: float
    b: float
    c: float
    gain: float
    # A 95 % interval; None with one score for each size, which says nothing about chance.
    low: float | None
    high: float | None


def forecast(sizes_P: np.ndarray, scores_P: np.ndarray) -> Forecast | None:
    """The law of at least squares; None with fewer than three sizes.

    The interval is that of the profile likelihood: the gains of all laws that fit nearly as well as the best. Noise is
    how much scores of one size differ or, if that is more, how far the best law is from them.
    """
    num_sizes, largest = len(np.unique(sizes_P)), sizes_P.max()
    if num_sizes < 3:
        return None
    z_CP = ((sizes_P / largest) ** -_EXPONENTS_C[:, None] - 1) / _EXPONENTS_C[:, None]
    centred_CP, centred_P = z_CP - z_CP.mean(1, keepdims=True), scores_P - scores_P.mean()
    squares_C = (centred_CP**2).sum(1)
    free_C = -(centred_CP * centred_P).sum(1) / squares_C
    least_C = ((centred_P + free_C[:, None] * centred_CP) ** 2).sum(1)
    # The steepest law whose limit a is at most 1.
    steepest_C = (1 - scores_P.mean()) / (z_CP.mean(1) + 1 / _EXPONENTS_C)
    slope_C = np.minimum(free_C, steepest_C)
    misfit_C = least_C + (slope_C - free_C) ** 2 * squares_C
    best = int(np.argmin(misfit_C))
    c, slope = _EXPONENTS_C[best], slope_C[best]
    top = scores_P.mean() + slope * z_CP[best].mean()
    gains_C = (1 - 2.0**-_EXPONENTS_C) / _EXPONENTS_C
    low = high = None
    degrees = len(sizes_P) - num_sizes
    if degrees:
        within = sum(((of := scores_P[sizes_P == size]) - of.mean()) @ (of - of.mean()) for size in np.unique(sizes_P))
        noise = max(within / degrees, misfit_C[best] / max(len(sizes_P) - 3, 1), _LEAST_NOISE**2)
        room_C = _student(degrees) ** 2 * noise + misfit_C[best] - least_C
        wide_C = np.sqrt(np.maximum(room_C, 0) / squares_C)
        fits_C = (room_C >= 0) & (free_C - wide_C <= steepest_C)
        low = float(((free_C - wide_C) * gains_C)[fits_C].min())
        high = float((np.minimum(free_C + wide_C, steepest_C) * gains_C)[fits_C].max())
    a, b = top + slope / c, slope / c * largest**c
    return Forecast(float(a), float(b), float(c), float(slope * gains_C[best]), low, high)


def _student(degrees: int) -> float:
    """The t that 95 % are below in absolute value; Abramowitz & Stegun 26.7.5."""
    z, n = _NORMAL, degrees
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return _FEW.get(n) or z + sum(term / n**power for power, term in enumerate(terms, 1))
