"""What training minimises: the summed negative log-likelihood of a batch's tags, one by one or as sequences.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
from mxnet import autograd

from ner_dist import crf
from ner_dist.arrays import on_device
from ner_dist.batches import Batch
from ner_dist.config import Loss
from ner_dist.dropout import Masks
from ner_dist.layers import Transitions, set_gradient
from ner_dist.model import SummedLoss, Tagger, TrainingEmissions, tagger_inputs


class Objective:
    def __init__(self, tagger: Tagger, settings: Loss, class_weight_K: np.ndarray) -> None:
        """class_weight_K: of single tags; sequences have no such weights."""
        self.tagger = tagger
        self._settings = settings
        self._class_weight_K = class_weight_K
        self._loss, self._emissions = SummedLoss(tagger), TrainingEmissions(tagger)
        self._loss.hybridize()
        self._emissions.hybridize()

    def differentiate(
        self, batch: Batch, rows_UD: mx.nd.NDArray, word_TB: np.ndarray, masks: Masks
    ) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Fill the parameters' gradients; returns that of rows_UD, to which word_TB points, and the loss, (1,)."""
        char_cnn = self.tagger.char_cnn
        convolved = char_cnn and char_cnn.convolve(batch)
        inputs = tagger_inputs(batch, rows_UD, word_TB, convolved)
        rows_UD, _, form_NF, *_ = inputs
        for leaf in (rows_UD, form_NF):
            leaf.attach_grad()
        inputs += [on_device(mask_TBX, rows_UD.context, rows_UD.dtype) for mask_TBX in masks.activations]
        with self.tagger.recurrent_dropout(masks.recurrent):
            if self.tagger.transitions is None:
                loss = self._of_tags(batch, inputs)
            else:
                loss = self._of_sequences(self.tagger.transitions, batch, inputs)
        if char_cnn and convolved:
            char_cnn.differentiate(convolved, form_NF.grad.asnumpy())
        return rows_UD.grad, loss

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
        scores = self.tagger.scores()
        if self._settings.forbid:
            scores = scores.allowed()
        found = crf.likelihood(emission_TBK.asnumpy(), batch.tag_TB, batch.length_B, scores)
        emission_TBK.backward(on_device(found.emission_TBK, context, dtype))
        for parameter, gradient in zip(transitions.parameters, found.scores):
            set_gradient(parameter, gradient)
        return on_device(np.array([found.loss]), context, dtype)
