"""The tagger's parts: a bidirectional LSTM blind to padding, and holders of parameters that numpy computes with.

Axes: T tokens, B sentences, N distinct forms, F filters, X units of whatever a layer yields.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mxnet import gluon

from ner_dist.config import Model
from ner_dist.contract.shard_format import CHAR_TYPES
from ner_dist.data.batch import Batch
from ner_dist.model import char_cnn
from ner_dist.model.char_cnn import CharFeatures


class BiLSTM(gluon.HybridBlock):
    """One bidirectional layer, (T, B, X) -> (T, B, 2 x units), blind to padding.

    Two one-directional operators, because MXNet's bidirectional one ignores sequence lengths on CPU and would let
    the padding of short sentences into its backward direction. Each has one vector of parameters: input and
    recurrent matrices, then their biases (gluon.rnn.LSTM joins the four anew in every step).
    """

    def __init__(self, units: int, input_units: int) -> None:
        super().__init__()
        self._units = units
        self._dtype = "float32"
        size = 4 * units * (input_units + units + 2)
        # Where the recurrent matrix lies in the parameters.
        self.recurrent = slice(4 * units * input_units, 4 * units * (input_units + units))
        with self.name_scope():
            self.forward_lstm = self.params.get("forward_lstm", shape=(size,))
            self.backward_lstm = self.params.get("backward_lstm", shape=(size,))

    def cast(self, dtype: str) -> None:
        super().cast(dtype)
        self._dtype = dtype

    def hybrid_forward(self, F: Any, x_TBX: Any, reverse_index_TB: Any, forward_lstm: Any, backward_lstm: Any) -> Any:
        """mirror_TB: where each token of the sentences read backwards lies, counted through (T, B)."""
        # 0 stands for the batch size, which is inferred.
        state_1BH = F.zeros(shape=(1, 0, self._units), dtype=self._dtype)

        def lstm(x_TBX: Any, parameters: Any) -> Any:
            return F.RNN(x_TBX, parameters, state_1BH, state_1BH, mode="lstm", state_size=self._units, num_layers=1)

        def mirrored(x_TBX: Any) -> Any:
            # A tenth of the time of SequenceReverse.
            return F.take(F.reshape(x_TBX, shape=(-3, -2)), reverse_index_TB)

        directions = lstm(x_TBX, forward_lstm), mirrored(lstm(mirrored(x_TBX), backward_lstm))
        # What concat yields, in a tenth of its time.
        return F.reshape(F.stack(*directions, axis=2), shape=(0, 0, -3))


class CharCNN(gluon.HybridBlock):
    """Holds the parameters of the character CNN. No operator uses them: see char_cnn.py."""

    def __init__(self, sizes: Model, num_chars: int) -> None:
        super().__init__()
        self.width = sizes.char_width
        units = sizes.char_units + sizes.char_type_units
        with self.name_scope():
            self.char = gluon.nn.Embedding(num_chars, sizes.char_units)
            if sizes.char_type_units:
                self.char_type = gluon.nn.Embedding(len(CHAR_TYPES), sizes.char_type_units)
            self.weight = self.params.get("weight", shape=(sizes.char_filters, units, sizes.char_width))
            self.bias = self.params.get("bias", shape=(sizes.char_filters,))

    def forward_numpy(self, batch: Batch) -> CharFeatures:
        """What the filters see most in each form of the batch."""
        return char_cnn.forward(char_cnn.windows(batch.char_NC, batch.char_type_NC, self.width), self._weights())

    def backward_numpy(self, char_features: CharFeatures, gradient_NF: np.ndarray) -> None:
        """Set the parameters' gradients, from that by char_features.maximum_NF."""
        found = char_cnn.backward(char_features, self._weights(), gradient_NF)
        for parameter, gradient in zip(self._parameters(), found):
            if parameter is not None:
                set_gradient(parameter, gradient)

    def _parameters(self) -> tuple[gluon.Parameter | None, ...]:
        """In the order of char_cnn.Weights."""
        char_type = self.char_type.weight if hasattr(self, "char_type") else None
        return self.char.weight, char_type, self.weight, self.bias

    def _weights(self) -> char_cnn.Weights:
        nothing = np.zeros((len(CHAR_TYPES), 0), np.float32)
        return char_cnn.Weights(*(nothing if p is None else p.data().asnumpy() for p in self._parameters()))


class Transitions(gluon.HybridBlock):
    """Holds what a tag sequence earns beside its emissions. No operator uses it: see crf.py."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        with self.name_scope():
            self.start = self.params.get("start", shape=(num_tags,))
            self.between = self.params.get("between", shape=(num_tags, num_tags))
            self.end = self.params.get("end", shape=(num_tags,))

    @property
    def parameters(self) -> list[gluon.Parameter]:
        return [self.start, self.between, self.end]


def reverse_index(length_B: np.ndarray, num_tokens: int) -> np.ndarray:
    """Where the tokens of the sentences read backwards lie, counted through (T, B); padding stays where it is."""
    token_T1 = np.arange(num_tokens)[:, None]
    token_TB = np.where(token_T1 < length_B, length_B - 1 - token_T1, token_T1)
    return (token_TB * len(length_B) + np.arange(len(length_B))).astype(np.int32)


def set_gradient(parameter: gluon.Parameter, gradient: np.ndarray) -> None:
    """Of a parameter that no operator uses."""
    # What an assignment does, in a tenth of its time.
    parameter.grad()._sync_copyfrom(np.ascontiguousarray(gradient, parameter.dtype))
