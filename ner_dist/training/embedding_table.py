"""The word embeddings: a table in host memory, of which a step touches only the rows it uses.

Whatever the size of the vocabulary, a step reads, exchanges and updates as many rows as it has words.
Rows that a step does not use keep their value, momentum and moments, as in MXNet's lazy updates.

Axes: V vocabulary, L its trainable words, which come first, D units, W words of a step.
"""

from __future__ import annotations

import itertools

import numpy as np

from ner_dist.model.initial_values import InitialEmbeddings
from ner_dist.model.layers import on_device
from ner_dist.ranks.lean_mxnet import mx
from ner_dist.training.optimizer import leaves, refill


class EmbeddingTable:
    def __init__(self, words: InitialEmbeddings, optimizer: mx.optimizer.Optimizer, key: int) -> None:
        """key: the table's number among the optimizer's parameters."""
        self.weight_VD = words.weight_VD
        # A view of the trainable rows.
        self.trained_LD = words.weight_VD[: len(words.pretrained_L)]
        self._pretrained_L = words.pretrained_L
        self._optimizer = optimizer
        self._key = key
        state = optimizer.create_state(key, mx.nd.array(self.trained_LD, dtype=self.trained_LD.dtype))
        self.states_LD = [leaf.asnumpy() for leaf in leaves(state)]
        # The state's structure without its arrays, which would take as much memory again.
        self._layout = refill(state, itertools.repeat(True))

    def trainable(self, ids_W: np.ndarray, frozen: bool) -> np.ndarray:
        """Positions in ids_W, which must ascend, of the words to update; frozen: without the pretrained ones."""
        known = np.arange(np.searchsorted(ids_W, len(self._pretrained_L)))
        return known[~self._pretrained_L[ids_W[known]]] if frozen else known

    def rows(self, ids_W: np.ndarray, context: mx.Context) -> mx.nd.NDArray:
        """The embeddings of the words, (W, D), on the device."""
        return on_device(self.weight_VD[ids_W], context)

    def update(self, ids_W: np.ndarray, gradient_WD: mx.nd.NDArray) -> None:
        """Update these rows and their optimizer state; ids must be distinct and trainable."""
        context = gradient_WD.context
        weight_WD = self.rows(ids_W, context)
        states_WD = [on_device(state[ids_W], context) for state in self.states_LD]
        self._optimizer.update(self._key, weight_WD, gradient_WD, refill(self._layout, iter(states_WD)))
        self.weight_VD[ids_W] = weight_WD.asnumpy()
        for state_LD, state_WD in zip(self.states_LD, states_WD):
            state_LD[ids_W] = state_WD.asnumpy()
