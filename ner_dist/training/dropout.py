"""Dropout masks as a pure function of (seed, epoch, sentence): the same on any rank, in any batch.

MXNet's generator cannot be saved, and each rank draws from its own; masks keyed by the sentence make a
run repeatable from any step and equal on any number of ranks, dropout included.

Axes: T tokens of the longest sentence, B sentences, X units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.config import Model

# SplitMix64 (Steele, Lea & Flood 2014): a counter times the odd constant, then this finaliser.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
# Random streams of the recurrent matrices; those of activations count from 0.
_RECURRENT = 1 << 16


def keys(*parts: int | np.ndarray) -> np.ndarray:
    """A uint64 key for (seed, epoch, layer, sentence) or other numbers of 0 or more; arrays give an array of keys."""
    # An array of one: numpy warns of overflow, which is meant here, only for scalars.
    key = np.zeros(1, np.uint64)
    for part in parts:
        key = _mix(key * _GAMMA + np.asarray(part).astype(np.uint64))
    return key


def mask(key_B: np.ndarray, num_tokens: int, num_units: int, rate: float) -> np.ndarray:
    """float32 (T, B, X): 0 where a unit is dropped, else 1 / (1 - rate). The rate is rounded to 1/256.

    The mask at token t does not depend on num_tokens, so padding changes nothing.
    """
    num_dropped = drop_level(rate)
    scale = np.float32(256 / (256 - num_dropped))
    # A tenth of the time of numpy.where.
    return np.multiply(random_bytes(key_B, num_tokens, num_units) >= num_dropped, scale, dtype=np.float32)


def random_bytes(key_B: np.ndarray, num_tokens: int, num_units: int) -> np.ndarray:
    """uint8 (T, B, X), a pure function of the key, the token's place and the unit."""
    words = -(-num_units // 8)
    counter = np.arange(num_tokens * words, dtype=np.uint64).reshape(num_tokens, 1, words) * _GAMMA
    return _mix(key_B[None, :, None] + counter).view(np.uint8)[:, :, :num_units]


class Masks(NamedTuple):
    """What one batch is multiplied with in training; float32."""

    # (T, B, X) of the LSTM's input and of each layer's output, T = 1 if they are locked; none if nothing is dropped.
    activations: list[np.ndarray]
    # (2, X) of each layer's recurrent matrices, a row a direction; none if nothing is dropped.
    recurrent: list[np.ndarray]


def masks(
    sentence_id_B: np.ndarray, num_tokens: int, sizes: Model, input_units: int, place: tuple[int, int, int]
) -> Masks:
    """place: seed, epoch and step. Activations' masks depend on the sentence, recurrent ones on the step alone."""
    seed, epoch, step_id = place
    found = Masks([], [])
    if sizes.dropout_input or sizes.dropout_output:
        outputs = [(2 * sizes.lstm_units, sizes.dropout_output)] * sizes.lstm_layers
        for layer, (units, rate) in enumerate([(input_units, sizes.dropout_input), *outputs]):
            key_B = keys(seed, epoch, layer, sentence_id_B)
            found.activations.append(mask(key_B, 1 if sizes.dropout_locked else num_tokens, units, rate))
    if sizes.dropout_recurrent:
        for layer in range(sizes.lstm_layers):
            key = keys(seed, epoch, _RECURRENT + layer, step_id)
            found.recurrent.append(mask(key, 2, 4 * sizes.lstm_units**2, sizes.dropout_recurrent)[:, 0])
    return found


def drop_level(rate: float) -> int:
    """How many of 256 equally likely bytes drop a unit."""
    return round(rate * 256)


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))
