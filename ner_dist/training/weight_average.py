"""An exponential moving average of the weights, which scores better than the weights and varies less between epochs.

Axes: P values of all dense parameters, L trainable words, D their units.
"""

from __future__ import annotations

import numpy as np

from ner_dist.ranks.lean_mxnet import mx

# The average is updated every so many steps, with the decay of as many steps.
_STRIDE = 10


class WeightAverage:
    def __init__(self, decay: float, weight_P: mx.nd.NDArray, words_LD: np.ndarray) -> None:
        """decay: for one step. The arrays are those that training changes in place."""
        self._decay = decay**_STRIDE
        self._weight_P, self._words_LD = weight_P, words_LD
        self.weight_P = weight_P.copy()
        self.words_LD = words_LD.copy()
        self.num_steps = 0

    def update(self) -> None:
        """Call after each training step."""
        self.num_steps += 1
        if self.num_steps % _STRIDE:
            return
        # A smaller decay at first, so that the initial weights soon lose their influence.
        num_updates = self.num_steps // _STRIDE
        share = 1 - min(self._decay, num_updates / (num_updates + 9))
        self.weight_P += share * (self._weight_P - self.weight_P)
        self.words_LD += np.float32(share) * (self._words_LD - self.words_LD)

    def swap(self) -> None:
        """Exchange the weights and their average, to score the average; again, to continue training."""
        for weight, average in ((self._weight_P, self.weight_P), (self._words_LD, self.words_LD)):
            kept = weight.copy()
            weight[:] = average
            average[:] = kept
