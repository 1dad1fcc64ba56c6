"""The tagger's layers: a bidirectional LSTM, holders of the parameters that numpy computes with, and the way to both.

Axes: T tokens, B sentences, H units of an LSTM direction, N distinct spellings, F filters, X units of any layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ner_dist.config import Model
from ner_dist.contract.shard_format import CHAR_TYPES
from ner_dist.data.batch import Batch
from ner_dist.model import char_cnn
from ner_dist.model.char_cnn import CharFeatures
from ner_dist.ranks.lean_mxnet import gluon, mx


class BiLSTM(gluon.HybridBlock):
    """One bidirectional layer, (T, B, X) -> (T, B, 2 x units), whose output does not depend on padding.

    It consists of two one-directional operators: on CPU, MXNet's bidirectional one ignores sentence lengths, so that
    the padding of short sentences would enter its backward direction. Each has one parameter vector: input and
    recurrent matrices, then their biases (gluon.rnn.LSTM would concatenate the four again in every step).
    """

    def __init__(self, units: int, input_units: int) -> None:
        super().__init__()
        self._units = units
        self._dtype = "float32"
        size = 4 * units * (input_units + units + 2)
        # Where the recurrent matrix lies in the parameter vector.
        self.recurrent = slice(4 * units * input_units, 4 * units * (input_units + units))
        with self.name_scope():
            self.forward_lstm = self.params.get("forward_lstm", shape=(size,))
            self.backward_lstm = self.params.get("backward_lstm", shape=(size,))

    def cast(self, dtype: str) -> None:
        super().cast(dtype)
        self._dtype = dtype

    def hybrid_forward(self, F: Any, x_TBX: Any, reverse_index_TB: Any, forward_lstm: Any, backward_lstm: Any) -> Any:
        # 0 stands for the batch size, which is inferred.
        state_1BH = F.zeros(shape=(1, 0, self._units), dtype=self._dtype)

        def lstm(x_TBX: Any, parameters: Any) -> Any:
            return F.RNN(x_TBX, parameters, state_1BH, state_1BH, mode="lstm", state_size=self._units, num_layers=1)

        def reverse(x_TBX: Any) -> Any:
            # A tenth of the time of SequenceReverse. (T, B, X) -> (T * B, X) -> (T, B, X)
            return F.take(F.reshape(x_TBX, shape=(-3, -2)), reverse_index_TB)

        directions = lstm(x_TBX, forward_lstm), reverse(lstm(reverse(x_TBX), backward_lstm))
        # The result of concat in a tenth of its time: (T, B, 2, H) -> (T, B, 2 * H).
        return F.reshape(F.stack(*directions, axis=2), shape=(0, 0, -3))


class CharCNN(gluon.HybridBlock):
    """Holds the parameters of the character CNN. No operator uses them: char_cnn.py computes with them in numpy."""

    def __init__(self, knobs: Model, num_chars: int) -> None:
        super().__init__()
        self.width = knobs.char_width
        units = knobs.char_units + knobs.char_type_units
        with self.name_scope():
            self.char = gluon.nn.Embedding(num_chars, knobs.char_units)
            if knobs.char_type_units:
                self.char_type = gluon.nn.Embedding(len(CHAR_TYPES), knobs.char_type_units)
            self.weight = self.params.get("weight", shape=(knobs.char_filters, units, knobs.char_width))
            self.bias = self.params.get("bias", shape=(knobs.char_filters,))

    def forward_numpy(self, batch: Batch) -> CharFeatures:
        windows = char_cnn.make_windows(batch.char_NC, batch.char_type_NC, self.width)
        return char_cnn.forward(windows, self._weights())

    def backward_numpy(self, char_features: CharFeatures, gradient_NF: np.ndarray) -> None:
        """Set the parameters' gradients; gradient_NF: the head gradient, that of char_features.maximum_NF."""
        gradients = char_cnn.backward(char_features, self._weights(), gradient_NF)
        for parameter, gradient in zip(self._parameters(), gradients):
            if parameter is not None:
                set_gradient(parameter, gradient)

    def _parameters(self) -> tuple[gluon.Parameter | None, ...]:
        """In the order of char_cnn.Weights."""
        char_type = self.char_type.weight if hasattr(self, "char_type") else None
        return self.char.weight, char_type, self.weight, self.bias

    def _weights(self) -> char_cnn.Weights:
        no_units = np.zeros((len(CHAR_TYPES), 0), np.float32)
        return char_cnn.Weights(*(no_units if p is None else p.data().asnumpy() for p in self._parameters()))


class Transitions(gluon.HybridBlock):
    """Holds the transition scores. No operator uses them: crf.py computes with them in numpy."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        with self.name_scope():
            self.start = self.params.get("start", shape=(num_tags,))
            self.between = self.params.get("between", shape=(num_tags, num_tags))
            self.end = self.params.get("end", shape=(num_tags,))

    @property
    def parameters(self) -> list[gluon.Parameter]:
        """In the order of crf.TransitionScores."""
        return [self.start, self.between, self.end]


def reverse_index(length_B: np.ndarray, num_tokens: int) -> np.ndarray:
    """int32 (T, B), into (T * B): reverses each sentence and leaves padding in place."""
    token_T1 = np.arange(num_tokens)[:, None]
    token_TB = np.where(token_T1 < length_B, length_B - 1 - token_T1, token_T1)
    return (token_TB * len(length_B) + np.arange(len(length_B))).astype(np.int32)


def on_device(array: np.ndarray, context: mx.Context, dtype: Any = None) -> mx.nd.NDArray:
    """The array on the device, converted to dtype if given. The caller must not write to the array afterwards.

    On CPU the memory is shared if possible: mx.nd.array takes several times as long, and a step makes many arrays.
    """
    array = np.ascontiguousarray(array, dtype)
    if not array.size:
        # Empty arrays cannot be shared.
        return mx.nd.array(array, ctx=context, dtype=array.dtype)
    return mx.nd.from_numpy(array).as_in_context(context)


def set_gradient(parameter: gluon.Parameter, gradient: np.ndarray) -> None:
    """Set the gradient of a parameter that no operator uses: those of the character CNN and the transition scores.

    Setting gradients by hand is deliberate. The same network with function objects of the framework
    (mx.autograd.Function) was measured: equal to the last bit and 10 % slower.
    """
    # An assignment would do the same in ten times the time.
    parameter.grad()._sync_copyfrom(np.ascontiguousarray(gradient, parameter.dtype))
