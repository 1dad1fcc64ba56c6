"""What training minimises: the negative log-likelihood of the gold tags, token by token or of whole sequences.

Axes: T tokens, B sentences, K tags, U words of the step, D word units, N spellings, F filters, X units of a layer.
"""

from __future__ import annotations

import numpy as np

from ner_dist.config import ConfigError, Loss
from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.data.batch import Batch
from ner_dist.model import crf
from ner_dist.model.cnn_bilstm import CnnBiLstm, SummedLoss, TrainingEmissions, tagger_inputs
from ner_dist.model.layers import Transitions, on_device, set_gradient
from ner_dist.ranks.lean_mxnet import autograd, mx
from ner_dist.training.dropout import Masks


class Objective:
    """The loss of a batch, summed over its sentences and not divided, and the gradients of the network.

    MXNet differentiates what lies between the inputs and the emissions. The character CNN before it and the CRF after
    it have closed forms in numpy (model/char_cnn.py, model/crf.py), whose gradients are set by hand.
    """

    def __init__(self, tagger: CnnBiLstm, settings: Loss, class_weight_K: np.ndarray) -> None:
        """class_weight_K: weights of single tags, for the token-level likelihood."""
        self.tagger = tagger
        self._settings = settings
        self._class_weight_K = class_weight_K
        self._loss, self._emissions = SummedLoss(tagger), TrainingEmissions(tagger)
        self._loss.hybridize()
        self._emissions.hybridize()

    def forward_backward(
        self, batch: Batch, rows_UD: mx.nd.NDArray, word_TB: np.ndarray, masks: Masks
    ) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Set the parameters' gradients; returns that of rows_UD, into which word_TB points, and the loss, (1,)."""
        char_cnn = self.tagger.char_cnn
        char_features = char_cnn and char_cnn.forward_numpy(batch)
        inputs = tagger_inputs(batch, rows_UD, word_TB, char_features)
        rows_UD, _, spelling_NF, *_ = inputs
        for leaf in (rows_UD, spelling_NF):
            leaf.attach_grad()
        inputs += [on_device(mask_TBX, rows_UD.context, rows_UD.dtype) for mask_TBX in masks.activations]
        with self.tagger.recurrent_dropout(masks.recurrent):
            if self.tagger.transitions is None:
                loss = self._token_level(batch, inputs)
            else:
                loss = self._sentence_level(self.tagger.transitions, batch, inputs)
        if char_cnn and char_features:
            char_cnn.backward_numpy(char_features, spelling_NF.grad.asnumpy())
        return rows_UD.grad, loss

    def _token_level(self, batch: Batch, inputs: list[mx.nd.NDArray]) -> mx.nd.NDArray:
        context, dtype = inputs[0].context, inputs[0].dtype
        weight_TB = batch.mask_TB * self._class_weight_K[batch.tag_TB]
        tag_TB = on_device(batch.tag_TB, context)
        with autograd.record():
            loss = self._loss(tag_TB, on_device(weight_TB, context, dtype), *inputs)
        loss.backward()
        return loss

    def _sentence_level(self, transitions: Transitions, batch: Batch, inputs: list[mx.nd.NDArray]) -> mx.nd.NDArray:
        context, dtype = inputs[0].context, inputs[0].dtype
        with autograd.record():
            emission_TBK = self._emissions(*inputs)
        scores = self.tagger.transition_scores()
        if self._settings.forbid:
            scores = scores.allowed()
        found = crf.loss_and_gradient(emission_TBK.asnumpy(), batch.tag_TB, batch.length_B, scores)
        # The head gradient: MXNet goes on from here, back through the network.
        emission_TBK.backward(on_device(found.emission_gradient_TBK, context, dtype))
        # By hand, not as a framework function: see set_gradient.
        for parameter, gradient in zip(transitions.parameters, found.transition_gradient):
            set_gradient(parameter, gradient)
        return on_device(np.array([found.loss]), context, dtype)


def class_weights(settings: Loss, index: Index) -> np.ndarray:
    """Weights of the tags, float32 (K,). Raises ConfigError for a name that is neither a tag nor an entity type."""
    tags = bilou_tags(index.entity_types)
    if settings.weighting == "frequency":
        count_K = np.array([index.stats["train"]["tags"].get(tag, 0) for tag in tags], np.float64)
        # A tag that never occurs has no gradient; counting it once keeps its weight finite.
        share_K = np.maximum(count_K, 1) / count_K.sum()
        weight_K = share_K**-settings.frequency_power
        return (weight_K / (weight_K * count_K).sum() * count_K.sum()).astype(np.float32)
    weight_K = np.ones(len(tags), np.float32)
    # Types first, so that a weight given for a single tag overrides that of its type.
    for name, weight in sorted((settings.weights or {}).items(), key=lambda item: item[0] in tags):
        named = [k for k, tag in enumerate(tags) if name and name in (tag, tag[2:])]
        if not named:
            raise ConfigError(f"--loss.weights: {name!r} is neither O, a tag nor an entity type ({', '.join(tags)})")
        weight_K[named] = weight
    return weight_K
