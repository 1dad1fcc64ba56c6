"""What training begins with: word embeddings, pretrained or drawn from the seed, and all other parameters, drawn.

Axes: V words of the vocabulary, D word units, L the first words of V, which training may change. The other words do not
occur in train; they keep their pretrained vectors.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config, Model
from ner_dist.contract.shard_format import UNK_ID, Index, read_word_vectors
from ner_dist.data import used_inputs
from ner_dist.model.cnn_bilstm import CnnBiLstm, trained_parameters

# Vectors, of the most frequent words, whose variance stands for that of all.
_SAMPLE = 10_000


class InitialEmbeddings(NamedTuple):
    weight_VD: np.ndarray
    # Which words have a pretrained vector, bool.
    pretrained_L: np.ndarray


def initial_embeddings(config: Config, index: Index, directory: str | Path) -> InitialEmbeddings:
    """directory: of the shards, or of a checkpoint, which also has the vectors. Raises ShardError or ConfigError."""
    vectors_VD = read_word_vectors(directory, index) if used_inputs.uses_vectors(config.model, index) else None
    num_words, units = used_inputs.num_words(config.model, index), used_inputs.word_units(config.model, index)
    num_trainable = num_words if index.vectors is None else index.vectors.first_unseen
    return draw_embeddings(num_words, units, config.train.seed, vectors_VD, num_trainable)


def draw_embeddings(
    num_words: int, units: int, seed: int, vectors_VD: np.ndarray | None, num_trainable: int
) -> InitialEmbeddings:
    """float32 (V, D): pretrained vectors where there are any, uniform values elsewhere, 0 for padding.

    The uniform values have the variance of the pretrained vectors, or 1 / D without any. vectors_VD, NaN where a word
    has none, is filled in place: a copy of 400,000 words would take as much memory again.
    """
    weight_VD = np.full((num_words, units), np.nan, np.float32) if vectors_VD is None else vectors_VD
    pretrained_V = ~np.isnan(weight_VD[:, 0])
    # The unknown word's is not like those of words.
    with_vector = np.flatnonzero(pretrained_V)
    sample = weight_VD[with_vector[with_vector > UNK_ID][:_SAMPLE]]
    bound = np.sqrt(3 * (sample.var(axis=0, dtype=np.float64).mean() if len(sample) else 1 / units))
    rest = np.flatnonzero(~pretrained_V)
    weight_VD[rest] = np.random.default_rng([seed, 1]).uniform(-bound, bound, (len(rest), units))
    weight_VD[0] = 0
    return InitialEmbeddings(weight_VD, pretrained_V[:num_trainable])


def initial_parameters(tagger: CnnBiLstm, knobs: Model, seed: int) -> dict[str, np.ndarray]:
    """Parameters by structural name, float32.

    Matrices are uniform after Glorot, embeddings uniform in [-0.5, 0.5] (Chiu & Nichols 2016). Biases are 0, except
    those of the forget gates: 1, so that memory persists early in training. Transition scores are 0.
    """
    rng = np.random.default_rng([seed, 0])
    values = {}
    for name, parameter in sorted(trained_parameters(tagger).items()):
        shape = parameter.shape
        if name.endswith("bias") or name.startswith("transitions"):
            value = np.zeros(shape)
        elif name.endswith("_lstm"):
            value = _initial_lstm(rng, knobs.lstm_units, shape[0])
        elif name.startswith(("char_cnn.char", "feature_")):
            value = rng.uniform(-0.5, 0.5, shape)
        else:
            value = _glorot(rng, shape, int(np.prod(shape[1:])), shape[0] * int(np.prod(shape[2:])))
        values[name] = value.astype(np.float32)
    return values


def _glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out))


def _initial_lstm(rng: np.random.Generator, units: int, size: int) -> np.ndarray:
    """The parameter vector (size,) of one LSTM direction; Glorot takes each of the four gates as a matrix."""
    inputs = size // (4 * units) - units - 2
    bias = np.zeros((2, 4, units))
    # MXNet orders the gates input, forget, cell, output.
    bias[0, 1] = 1
    matrices = [_glorot(rng, (4 * units, fan_in), fan_in, units).ravel() for fan_in in (inputs, units)]
    return np.concatenate([*matrices, bias.ravel()])
