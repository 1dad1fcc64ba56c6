"""The word embeddings: a table in host memory, of which a step touches only the rows it uses.

Whatever the size of the vocabulary, a step reads, exchanges and updates as many rows as it has words.
Rows that a step does not use keep their value, their momentum and their moments, as in MXNet's lazy updates.

Axes: V vocabulary, L those of its words that can be learnt, which come first, D units, W words of a step.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import mxnet as mx
import numpy as np

from ner_dist.arrays import on_device
from ner_dist.optimizer import leaves, refill


class InitialWords(NamedTuple):
    weight_VD: np.ndarray
    # Which of the words that training may change have a pretrained vector; the others of V never change.
    pretrained_L: np.ndarray


class WordTable:
    def __init__(self, words: InitialWords, rule: mx.optimizer.Optimizer, key: int) -> None:
        """key: the table's number among the parameters of the rule."""
        self.weight_VD = words.weight_VD
        # What training may change, in the same memory.
        self.learnt_LD = words.weight_VD[: len(words.pretrained_L)]
        self._pretrained_L = words.pretrained_L
        self._rule = rule
        self._key = key
        state = rule.create_state(key, mx.nd.array(self.learnt_LD, dtype=self.learnt_LD.dtype))
        self.states_LD = [leaf.asnumpy() for leaf in leaves(state)]
        # The state's shape without its arrays, which would take as much memory again.
        self._layout = refill(state, itertools.repeat(True))

    def learnable(self, ids_W: np.ndarray, frozen: bool) -> np.ndarray:
        """Positions in ids_W, which must rise, of the words to update; frozen: pretrained ones are not."""
        known = np.arange(np.searchsorted(ids_W, len(self._pretrained_L)))
        return known[~self._pretrained_L[ids_W[known]]] if frozen else known

    def rows(self, ids_W: np.ndarray, context: mx.Context) -> mx.nd.NDArray:
        """The embeddings of the words, (W, D), on the device."""
        return on_device(self.weight_VD[ids_W], context)

    def update(self, ids_W: np.ndarray, gradient_WD: mx.nd.NDArray) -> None:
        """Apply the rule to these rows and to their state; ids must be distinct, and words that can be learnt."""
        context = gradient_WD.context
        weight_WD = self.rows(ids_W, context)
        states_WD = [on_device(state[ids_W], context) for state in self.states_LD]
        self._rule.update(self._key, weight_WD, gradient_WD, refill(self._layout, iter(states_WD)))
        self.weight_VD[ids_W] = weight_WD.asnumpy()
        for state_LD, state_WD in zip(self.states_LD, states_WD):
            state_LD[ids_W] = state_WD.asnumpy()


# The spread of so many vectors, of the most frequent words, stands for that of all.
_SAMPLE = 10_000


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
