"""The one mixing hash of the project: SplitMix64 (Steele, Lea & Flood 2014) on numpy arrays.

Preparation hashes sentences with it, training keys its dropout masks with it. Results depend on the input alone, not
on machine, rank or version: a changed bit would change every split and every mask that a seed stands for.
"""

from __future__ import annotations

import numpy as np

# SplitMix64's odd constant: multiples of it, passed through mix_bits, are a stream of random numbers.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
# Of the polynomial in polynomial_hash; any large odd number would do.
_BASE = np.uint64(0xD1342543DE82EF95)


def mix_bits(x: np.ndarray) -> np.ndarray:
    """Spread every bit of uint64 values over all 64 bits (SplitMix64's finaliser); one-to-one, and 0 stays 0."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_numbers(*parts: int | np.ndarray) -> np.ndarray:
    """A uint64 key for a tuple of non-negative integers, such as (seed, epoch, layer, sentence id).

    An array in a part gives an array of keys; integers alone give an array of one.
    """
    # An array even of one: numpy warns of overflow, which is meant here, for scalars only.
    key = np.zeros(1, np.uint64)
    for part in parts:
        key = mix_bits(key * GAMMA + np.asarray(part).astype(np.uint64))
    return key


def polynomial_hash(value_NC: np.ndarray) -> np.ndarray:
    """uint64 (N,): one hash a row of non-negative integers; zeros at the end of a row, such as padding, add nothing."""
    power_C = np.cumprod(np.full(value_NC.shape[1], _BASE))
    return (value_NC.astype(np.uint64) * power_C).sum(1, dtype=np.uint64)
