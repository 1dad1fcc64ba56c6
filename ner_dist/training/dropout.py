"""Dropout masks as a pure function of (seed, epoch, sentence): the same on any rank, in any batch.

The state of MXNet's generator cannot be saved, and each rank has its own. Masks keyed by the sentence make a run
repeatable from any step, and equal on any number of ranks.

Axes: T tokens of the longest sentence, B sentences, X units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.config import Model
from ner_dist.contract.mixing_hash import GAMMA, hash_numbers, mix_bits

# First random stream of the recurrent matrices; those of activations count from 0.
_RECURRENT = 1 << 16


def mask(key_B: np.ndarray, num_tokens: int, num_units: int, rate: float) -> np.ndarray:
    """float32 (T, B, X): 0 where a unit is dropped, else 1 / (1 - rate). The rate is rounded to 1/256.

    The mask at token t does not depend on num_tokens, so padding changes nothing.
    """
    num_dropped = drop_level(rate)
    scale = np.float32(256 / (256 - num_dropped))
    # A tenth of the time of numpy.where.
    return np.multiply(random_bytes(key_B, num_tokens, num_units) >= num_dropped, scale, dtype=np.float32)


def random_bytes(key_B: np.ndarray, num_tokens: int, num_units: int) -> np.ndarray:
    """uint8 (T, B, X), a pure function of the key, the token's position and the unit."""
    words = -(-num_units // 8)
    counter = np.arange(num_tokens * words, dtype=np.uint64).reshape(num_tokens, 1, words) * GAMMA
    return mix_bits(key_B[None, :, None] + counter).view(np.uint8)[:, :, :num_units]


class Masks(NamedTuple):
    """The dropout masks of one batch; float32."""

    # (T, B, X) for the LSTM's input and each layer's output, T = 1 if locked; empty if nothing is dropped.
    activations: list[np.ndarray]
    # (2, X) for each layer's recurrent matrices, a row for each direction; empty if nothing is dropped.
    recurrent: list[np.ndarray]


def masks(
    sentence_id_B: np.ndarray, num_tokens: int, model: Model, input_units: int, place: tuple[int, int, int]
) -> Masks:
    """place: seed, epoch and step. Masks of activations depend on the sentence, recurrent ones on the step alone."""
    seed, epoch, step_id = place
    found = Masks([], [])
    if model.dropout_input or model.dropout_output:
        outputs = [(2 * model.lstm_units, model.dropout_output)] * model.lstm_layers
        for layer, (units, rate) in enumerate([(input_units, model.dropout_input), *outputs]):
            key_B = hash_numbers(seed, epoch, layer, sentence_id_B)
            found.activations.append(mask(key_B, 1 if model.dropout_locked else num_tokens, units, rate))
    if model.dropout_recurrent:
        for layer in range(model.lstm_layers):
            key = hash_numbers(seed, epoch, _RECURRENT + layer, step_id)
            found.recurrent.append(mask(key, 2, 4 * model.lstm_units**2, model.dropout_recurrent)[:, 0])
    return found


def drop_level(rate: float) -> int:
    """How many of the 256 values of a random byte drop a unit."""
    return round(rate * 256)
