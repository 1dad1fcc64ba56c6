"""The CNN-BiLSTM tagger: batch arrays -> emissions -> summed loss. Knows neither ranks nor files.

Axes: T tokens, B sentences, K tags, W distinct words, D word units, N distinct forms, F filters (and features), X units
of whatever a layer yields.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import gluon

from ner_dist.config import Config, Model
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features, word_units
from ner_dist.model.char_cnn import CharFeatures
from ner_dist.model.crf import TransitionScores, neutral
from ner_dist.model.device_arrays import on_device
from ner_dist.model.layers import BiLSTM, CharCNN, Transitions, reverse_index


class CnnBiLstm(gluon.HybridBlock):
    """Emissions (T, B, K) of a batch. The word embeddings come in as the rows the batch uses (see WordTable)."""

    def __init__(self, sizes: Model, index: Index, sentence_level: bool) -> None:
        super().__init__()
        self._features = used_features(sizes, index)
        self.num_tags = index.num_tags
        units = word_units(sizes, index) + sizes.char_filters
        with self.name_scope():
            self.char_cnn = CharCNN(sizes, index.vocab["char"].num_values) if sizes.char_filters else None
            for _, feature in self._features:
                size = min(sizes.feature_units, feature.num_values)
                units += size
                setattr(self, f"feature_{feature.name}", gluon.nn.Embedding(feature.num_values, size))
            self.lstm = gluon.nn.HybridSequential()
            self.input_units = units
            for _ in range(sizes.lstm_layers):
                self.lstm.add(BiLSTM(sizes.lstm_units, units))
                units = 2 * sizes.lstm_units
            self.emission = gluon.nn.Dense(index.num_tags, flatten=False, in_units=units)
            self.transitions = Transitions(index.num_tags) if sentence_level else None

    def hybrid_forward(
        self,
        F: Any,
        rows_WD: Any,
        word_TB: Any,
        spelling_NF: Any,
        spelling_TB: Any,
        feature_FTB: Any,
        reverse_index_TB: Any,
        *mask_TBX: Any,
    ) -> Any:
        """mask_TBX: of dropout, for the input and each layer's output, or none."""
        parts_TBX = [F.take(rows_WD, word_TB)]
        if self.char_cnn is not None:
            parts_TBX.append(F.take(spelling_NF, spelling_TB))
        for position, feature in self._features:
            ids_TB = F.squeeze(F.slice_axis(feature_FTB, axis=0, begin=position, end=position + 1), axis=0)
            parts_TBX.append(getattr(self, f"feature_{feature.name}")(ids_TB))
        x_TBX = F.concat(*parts_TBX, dim=2)
        if mask_TBX:
            x_TBX = F.broadcast_mul(x_TBX, mask_TBX[0])
        for position, layer in enumerate(self.lstm):
            x_TBX = layer(x_TBX, reverse_index_TB)
            if mask_TBX:
                x_TBX = F.broadcast_mul(x_TBX, mask_TBX[position + 1])
        return self.emission(x_TBX)

    @contextmanager
    def recurrent_dropout(self, mask_L2X: list[np.ndarray]) -> Iterator[None]:
        """Within it the recurrent matrices are multiplied by the masks (2, X) of each layer; later they are as before.

        What was dropped gets no gradient. No masks, no dropout.
        """
        changed = []
        for layer, mask_2X in zip(self.lstm, mask_L2X):
            for parameter, mask_X in zip((layer.forward_lstm, layer.backward_lstm), mask_2X):
                weight_X, gradient_X = parameter.data()[layer.recurrent], parameter.grad()[layer.recurrent]
                mask = on_device(mask_X, weight_X.context, weight_X.dtype)
                changed.append((weight_X, weight_X.copy(), gradient_X, mask))
                weight_X *= mask
        try:
            yield
        finally:
            for weight_X, before_X, gradient_X, mask in changed:
                before_X.copyto(weight_X)
                gradient_X *= mask

    def transition_scores(self) -> TransitionScores:
        """What sequences earn beside their emissions; nothing if tags are judged one by one."""
        if self.transitions is None:
            return neutral(self.num_tags)
        return TransitionScores(*(parameter.data().asnumpy() for parameter in self.transitions.parameters))


class TrainingEmissions(gluon.HybridBlock):
    """The tagger with dropout masks. A block of its own, as MXNet compiles a block for one list of arguments only."""

    def __init__(self, tagger: CnnBiLstm) -> None:
        super().__init__()
        self.tagger = tagger

    def hybrid_forward(self, F: Any, *inputs: Any) -> Any:
        return self.tagger(*inputs)


class SummedLoss(gluon.HybridBlock):
    """Negative log-likelihood of the gold tags, weighted and summed over the tokens of a batch: a scalar (1,)."""

    def __init__(self, tagger: CnnBiLstm) -> None:
        super().__init__()
        self.tagger = tagger

    def hybrid_forward(self, F: Any, tag_TB: Any, weight_TB: Any, *inputs: Any) -> Any:
        log_likelihood_TBK = F.log_softmax(self.tagger(*inputs), axis=-1)
        return -F.sum(F.pick(log_likelihood_TBK, tag_TB, axis=-1) * weight_TB)


def tagger_inputs(
    batch: Batch, rows_WD: mx.nd.NDArray, word_TB: np.ndarray, char_features: CharFeatures | None
) -> list[mx.nd.NDArray]:
    """The tagger's arguments but for dropout, on the device of rows_WD; word_TB points into rows_WD.

    convolved: by the tagger's char_cnn, None if it has none.
    """
    context, dtype = rows_WD.context, rows_WD.dtype
    spelling_NF = np.zeros((1, 1)) if char_features is None else char_features.maximum_NF
    return [
        rows_WD,
        on_device(word_TB, context),
        on_device(spelling_NF, context, dtype),
        on_device(batch.spelling_TB, context),
        on_device(batch.feature_FTB, context),
        on_device(reverse_index(batch.length_B, len(batch.word_TB)), context),
    ]


def trained_parameters(tagger: CnnBiLstm) -> dict[str, gluon.Parameter]:
    """The tagger's parameters by structural name, which does not depend on what else the process has built."""
    parameters = tagger._collect_params_with_prefix()
    return {name: parameter for name, parameter in parameters.items() if parameter.grad_req != "null"}


def build(config: Config, index: Index, context: mx.Context) -> CnnBiLstm:
    """A tagger on the device, its parameters still to be set (set_parameters)."""
    # A part of size 0 leaves inputs unused, which the user has asked for; what numpy uses is no operator's.
    warnings.filterwarnings("ignore", "The .* input to HybridBlock is not used by any computation")
    warnings.filterwarnings("ignore", "Parameter .*(transitions|charcnn).* is not used by any computation")
    tagger = CnnBiLstm(config.model, index, config.loss.likelihood == "sentence")
    tagger.initialize(mx.init.Zero(), ctx=context)
    tagger.hybridize()
    return tagger


def set_parameters(tagger: CnnBiLstm, values: dict[str, np.ndarray]) -> None:
    for name, parameter in trained_parameters(tagger).items():
        parameter.set_data(mx.nd.array(values[name], dtype=parameter.dtype))


def emissions(tagger: CnnBiLstm, weight_VD: np.ndarray, batch: Batch) -> np.ndarray:
    """What the tagger says of each token's tags, without dropout: (T, B, K)."""
    context = next(iter(tagger.collect_params().values())).list_ctx()[0]
    rows_WD = on_device(weight_VD[batch.word_ids_W], context)
    char_features = None if tagger.char_cnn is None else tagger.char_cnn.forward_numpy(batch)
    emission_TBK: np.ndarray = tagger(*tagger_inputs(batch, rows_WD, batch.word_TB, char_features)).asnumpy()
    return emission_TBK
