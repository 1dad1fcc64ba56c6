"""Initial parameters of the network, from the seed alone."""

from __future__ import annotations

import numpy as np

from ner_dist.config import Model
from ner_dist.model.cnn_bilstm import CnnBiLstm, trained_parameters


def initial_parameters(tagger: CnnBiLstm, sizes: Model, seed: int) -> dict[str, np.ndarray]:
    """Parameters by structural name, float32, from the seed alone.

    Matrices from Glorot's uniform distribution, embeddings as in Chiu & Nichols (characters from U[-0.5, 0.5]),
    biases 0 but the forget gates', which begin at 1 so that memories last while training begins.
    """
    rng = np.random.default_rng([seed, 0])
    values = {}
    for name, parameter in sorted(trained_parameters(tagger).items()):
        shape = parameter.shape
        if name.endswith("bias") or name.startswith("transitions"):
            value = np.zeros(shape)
        elif name.endswith("_lstm"):
            value = _initial_lstm(rng, sizes.lstm_units, shape[0])
        elif name.startswith(("char_cnn.char", "feature_")):
            value = rng.uniform(-0.5, 0.5, shape)
        else:
            value = _glorot(rng, shape, int(np.prod(shape[1:])), shape[0] * int(np.prod(shape[2:])))
        values[name] = value.astype(np.float32)
    return values


def _glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out))


def _initial_lstm(rng: np.random.Generator, units: int, size: int) -> np.ndarray:
    """The parameter vector of one LSTM direction; each of its four gates is a matrix of its own."""
    inputs = size // (4 * units) - units - 2
    bias = np.zeros((2, 4, units))
    # MXNet's gates come in the order input, forget, cell, output.
    bias[0, 1] = 1
    matrices = [_glorot(rng, (4 * units, fan_in), fan_in, units).ravel() for fan_in in (inputs, units)]
    return np.concatenate([*matrices, bias.ravel()])
