"""Word embeddings before training: pretrained vectors where there are any, random ones elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vectors
from ner_dist.data import used_inputs

# The spread of so many vectors, of the most frequent words, stands for that of all.
_SAMPLE = 10_000


class InitialWords(NamedTuple):
    weight_VD: np.ndarray
    # Which of the words that training may change have a pretrained vector; the others of V never change.
    pretrained_L: np.ndarray


def initial_words(
    num_words: int, units: int, seed: int, vectors_VD: np.ndarray | None, num_learnt: int
) -> InitialWords:
    """float32 (V, D): the pretrained vectors where there are any, the rest uniform; padding is 0.

    Without vectors the bound is sqrt(3 / D), for a variance of 1 / D; with them the rest gets theirs. vectors_VD, NaN
    where a word has none, is filled in and becomes the table: a second one of 400,000 words would take as much again.
    """
    weight_VD = np.full((num_words, units), np.nan, np.float32) if vectors_VD is None else vectors_VD
    pretrained_V = ~np.isnan(weight_VD[:, 0])
    sample = weight_VD[np.flatnonzero(pretrained_V)[:_SAMPLE]]
    bound = np.sqrt(3 * (sample.var(axis=0, dtype=np.float64).mean() if len(sample) else 1 / units))
    rest = np.flatnonzero(~pretrained_V)
    weight_VD[rest] = np.random.default_rng([seed, 1]).uniform(-bound, bound, (len(rest), units))
    weight_VD[0] = 0
    return InitialWords(weight_VD, pretrained_V[:num_learnt])


def first_words(config: Config, index: Index, directory: str | Path) -> InitialWords:
    """The word embeddings before training. directory: of the shards, or of a checkpoint, which has the vectors, too."""
    vectors_VD = read_vectors(directory, index) if used_inputs.uses_vectors(config.model, index) else None
    num_words, units = used_inputs.num_words(config.model, index), used_inputs.word_units(config.model, index)
    num_learnt = num_words if index.vectors is None else index.vectors.first_unseen
    return initial_words(num_words, units, config.train.seed, vectors_VD, num_learnt)
