"""An exponential moving average of the parameters, which scores better than they do and moves less between epochs.

Axes: P numbers of all other parameters, L words that can be learnt, D their units.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np

# Steps between two looks at the parameters; each weighs as much as the steps it stands for.
_STRIDE = 10


class WeightAverage:
    def __init__(self, decay: float, weight_P: mx.nd.NDArray, words_LD: np.ndarray) -> None:
        """decay: of one step. The arrays are those that training changes in place."""
        self._decay = decay**_STRIDE
        self._weight_P, self._words_LD = weight_P, words_LD
        self.weight_P = weight_P.copy()
        self.words_LD = words_LD.copy()
        self.num_steps = 0

    def update(self) -> None:
        """Call after each update."""
        self.num_steps += 1
        if self.num_steps % _STRIDE:
            return
        # A short memory at first, so that the initial parameters are soon forgotten.
        looks = self.num_steps // _STRIDE
        share = 1 - min(self._decay, looks / (looks + 9))
        self.weight_P += share * (self._weight_P - self.weight_P)
        self.words_LD += np.float32(share) * (self._words_LD - self.words_LD)

    def swap(self) -> None:
        """Let the parameters and their average change places, for scoring; once more to go on training."""
        kept_P = self._weight_P.copy()
        self._weight_P[:] = self.weight_P
        self.weight_P[:] = kept_P
        kept_LD = self._words_LD.copy()
        self._words_LD[:] = self.words_LD
        self.words_LD[:] = kept_LD
