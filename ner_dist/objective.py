"""What training minimises: the summed negative log-likelihood of a batch's tags, one by one or as sequences.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
from mxnet import autograd

from ner_dist import crf
from ner_dist.arrays import on_device
from ner_dist.config import Loss
from ner_dist.model import SummedLoss, Tagger, TrainingEmissions, Transitions
from ner_dist.reader import Batch


class Objective:
    def __init__(self, tagger: Tagger, settings: Loss, class_weight_K: np.ndarray) -> None:
        """class_weight_K: of single tags; sequences have no such weights."""
        self._tagger = tagger
        self._settings = settings
        self._class_weight_K = class_weight_K
        self._loss, self._emissions = SummedLoss(tagger), TrainingEmissions(tagger)
        self._loss.hybridize()
        self._emissions.hybridize()

    def differentiate(self, batch: Batch, inputs: list[mx.nd.NDArray]) -> mx.nd.NDArray:
        """The loss (1,) of the batch; its gradient goes to the parameters and to the inputs that ask for one."""
        if self._tagger.transitions is None:
            return self._of_tags(batch, inputs)
        return self._of_sequences(self._tagger.transitions, batch, inputs)

    def _of_tags(self, batch: Batch, inputs: list[mx.nd.NDArray]) -> mx.nd.NDArray:
        context, dtype = inputs[0].context, inputs[0].dtype
        weight_TB = batch.mask_TB * self._class_weight_K[batch.tag_TB]
        tag_TB = on_device(batch.tag_TB, context)
        with autograd.record():
            loss = self._loss(tag_TB, on_device(weight_TB, context, dtype), *inputs)
        loss.backward()
        return loss

    def _of_sequences(self, transitions: Transitions, batch: Batch, inputs: list[mx.nd.NDArray]) -> mx.nd.NDArray:
        context, dtype = inputs[0].context, inputs[0].dtype
        with autograd.record():
            emission_TBK = self._emissions(*inputs)
        scores = self._tagger.scores()
        if self._settings.forbid:
            scores = scores.allowed()
        found = crf.likelihood(emission_TBK.asnumpy(), batch.tag_TB, batch.length_B, scores)
        emission_TBK.backward(on_device(found.emission_TBK, context, dtype))
        for parameter, gradient in zip(transitions.parameters, found.scores):
            parameter.grad()[:] = mx.nd.array(gradient, ctx=context, dtype=dtype)
        return mx.nd.array([found.loss], ctx=context, dtype=dtype)
