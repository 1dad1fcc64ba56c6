"""The word embeddings: a table in host memory, of which a step touches only the rows it uses.

Whatever the size of the vocabulary, a step reads, exchanges and updates as many rows as it has words.
Rows that a step does not use keep their value, their momentum and their moments, as in MXNet's lazy updates.

Axes: V vocabulary, D units, W words of a step.
"""

from __future__ import annotations

import itertools

import mxnet as mx
import numpy as np

from ner_dist.arrays import on_device
from ner_dist.optimizer import leaves, refill


class WordTable:
    def __init__(self, weight_VD: np.ndarray, rule: mx.optimizer.Optimizer, key: int) -> None:
        """key: the table's number among the parameters of the rule."""
        self.weight_VD = weight_VD
        self._rule = rule
        self._key = key
        state = rule.create_state(key, mx.nd.array(weight_VD, dtype=weight_VD.dtype))
        self.states_VD = [leaf.asnumpy() for leaf in leaves(state)]
        # The state's shape without its arrays, which would take as much memory again.
        self._layout = refill(state, itertools.repeat(True))

    def rows(self, ids_W: np.ndarray, context: mx.Context) -> mx.nd.NDArray:
        """The embeddings of the words, (W, D), on the device."""
        return on_device(self.weight_VD[ids_W], context)

    def update(self, ids_W: np.ndarray, gradient_WD: mx.nd.NDArray) -> None:
        """Apply the rule to these rows and to their state; ids must be distinct."""
        context = gradient_WD.context
        weight_WD = self.rows(ids_W, context)
        states_WD = [on_device(state[ids_W], context) for state in self.states_VD]
        self._rule.update(self._key, weight_WD, gradient_WD, refill(self._layout, iter(states_WD)))
        self.weight_VD[ids_W] = weight_WD.asnumpy()
        for state_VD, state_WD in zip(self.states_VD, states_WD):
            state_VD[ids_W] = state_WD.asnumpy()


def initial_words(num_words: int, units: int, seed: int) -> np.ndarray:
    """float32 (V, D) from U[-sqrt(3 / D), sqrt(3 / D)], of variance 1 / D; padding is 0."""
    bound = np.sqrt(3 / units)
    weight_VD = np.random.default_rng([seed, 1]).uniform(-bound, bound, (num_words, units)).astype(np.float32)
    weight_VD[0] = 0
    return weight_VD
