"""The CNN-BiLSTM tagger: batch arrays -> emissions -> summed loss. Knows neither ranks nor files.

Axes: T tokens, B sentences, K tags, V vocabulary, W distinct words, D word units, N distinct spellings, F filters
(features in feature_FTB), L LSTM layers, X units of any layer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ner_dist.config import Config, Model
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.used_inputs import used_features, word_units
from ner_dist.model.char_cnn import CharFeatures
from ner_dist.model.crf import TransitionScores, zero_transition_scores
from ner_dist.model.layers import BiLSTM, CharCNN, Transitions, on_device, reverse_index
from ner_dist.ranks.lean_mxnet import gluon, mx


class CnnBiLstm(gluon.HybridBlock):
    """Emissions (T, B, K) of a batch. Word embeddings are an input: the rows of the table that the batch uses."""

    def __init__(self, knobs: Model, index: Index, sentence_level: bool) -> None:
        super().__init__()
        self._features = used_features(knobs, index)
        self.num_tags = index.num_tags
        units = word_units(knobs, index) + knobs.char_filters
        with self.name_scope():
            self.char_cnn = CharCNN(knobs, index.vocab["char"].num_values) if knobs.char_filters else None
            for _, feature in self._features:
                size = min(knobs.feature_units, feature.num_values)
                units += size
                setattr(self, f"feature_{feature.name}", gluon.nn.Embedding(feature.num_values, size))
            self.lstm = gluon.nn.HybridSequential()
            self.input_units = units
            for _ in range(knobs.lstm_layers):
                self.lstm.add(BiLSTM(knobs.lstm_units, units))
                units = 2 * knobs.lstm_units
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
        """mask_TBX: dropout masks of the LSTM's input and of each layer's output, or none."""
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
        """Multiplies the recurrent matrices by the masks of each layer (by direction) until the context ends.

        Dropped weights get no gradient. Without masks nothing happens.
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
        """Zeros if the tagger was built without a CRF."""
        if self.transitions is None:
            return zero_transition_scores(self.num_tags)
        return TransitionScores(*(parameter.data().asnumpy() for parameter in self.transitions.parameters))


class TrainingEmissions(gluon.HybridBlock):
    """The tagger with dropout masks: a separate block, as MXNet compiles a block for one list of arguments only."""

    def __init__(self, tagger: CnnBiLstm) -> None:
        super().__init__()
        self.tagger = tagger

    def hybrid_forward(self, F: Any, *inputs: Any) -> Any:
        return self.tagger(*inputs)


class SummedLoss(gluon.HybridBlock):
    """Negative log-likelihood of each gold tag, weighted and summed over the tokens of a batch: (1,)."""

    def __init__(self, tagger: CnnBiLstm) -> None:
        super().__init__()
        self.tagger = tagger

    def hybrid_forward(self, F: Any, tag_TB: Any, weight_TB: Any, *inputs: Any) -> Any:
        log_likelihood_TBK = F.log_softmax(self.tagger(*inputs), axis=-1)
        return -F.sum(F.pick(log_likelihood_TBK, tag_TB, axis=-1) * weight_TB)


def tagger_inputs(
    batch: Batch, rows_WD: mx.nd.NDArray, word_TB: np.ndarray, char_features: CharFeatures | None
) -> list[mx.nd.NDArray]:
    """The tagger's arguments except dropout masks, on the device of rows_WD; word_TB: rows of rows_WD.

    char_features: from the tagger's char_cnn, None if it has none.
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
    """The tagger's parameters by structural name, which does not depend on what other blocks the process has built."""
    parameters = tagger._collect_params_with_prefix()
    return {name: parameter for name, parameter in parameters.items() if parameter.grad_req != "null"}


def build_tagger(config: Config, index: Index, context: mx.Context) -> CnnBiLstm:
    """A tagger on the device, with parameters of 0: call set_parameters."""
    # Parts of size 0 leave inputs unused; the parameters that numpy computes with are used by no operator.
    warnings.filterwarnings("ignore", "The .* input to HybridBlock is not used by any computation")
    warnings.filterwarnings("ignore", "Parameter .*(transitions|charcnn).* is not used by any computation")
    tagger = CnnBiLstm(config.model, index, config.loss.likelihood == "sentence")
    tagger.initialize(mx.init.Zero(), ctx=context)
    tagger.hybridize()
    return tagger


def set_parameters(tagger: CnnBiLstm, values: dict[str, np.ndarray]) -> None:
    for name, parameter in trained_parameters(tagger).items():
        parameter.set_data(mx.nd.array(values[name], dtype=parameter.dtype))


class TrainedNetwork:
    """The tagger together with its word embeddings, (V, D): all it takes to compute a batch's emissions."""

    def __init__(self, tagger: CnnBiLstm, weight_VD: np.ndarray) -> None:
        self.tagger, self.weight_VD = tagger, weight_VD
        # Of its probabilities, see DecodedBatch.
        self.temperature = 1.0

    @property
    def transition_scores(self) -> TransitionScores:
        return self.tagger.transition_scores()

    def emissions(self, batch: Batch) -> np.ndarray:
        """float32 (T, B, K), computed on the network's device, without dropout."""
        context = self.tagger.emission.weight.list_ctx()[0]
        rows_WD = on_device(self.weight_VD[batch.word_ids_W], context)
        char_features = None if self.tagger.char_cnn is None else self.tagger.char_cnn.forward_numpy(batch)
        emission_TBK: np.ndarray = self.tagger(*tagger_inputs(batch, rows_WD, batch.word_TB, char_features)).asnumpy()
        return emission_TBK
