"""Parameters as views of one vector: what is done to one side is seen on the other, gradients too."""

from __future__ import annotations

import mxnet as mx
import numpy as np
from made_batches import small_index
from mxnet import autograd

from ner_dist.config import Config, Model
from ner_dist.model import cnn_bilstm
from ner_dist.model.initial_values import initial_parameters
from ner_dist.training.parameter_vector import ParameterVector

SIZES = Model(word_units=3, char_units=2, char_filters=3, feature_units=2, lstm_units=3)


def vector_of() -> tuple[cnn_bilstm.CnnBiLstm, ParameterVector, dict[str, np.ndarray]]:
    tagger = cnn_bilstm.build_tagger(Config(model=SIZES), small_index(), mx.cpu())
    values = initial_parameters(tagger, SIZES, 1)
    cnn_bilstm.set_parameters(tagger, values)
    return tagger, ParameterVector(cnn_bilstm.trained_parameters(tagger)), values


def test_it_holds_what_the_parameters_held() -> None:
    tagger, vector, values = vector_of()
    assert vector.names == list(cnn_bilstm.trained_parameters(tagger))
    assert vector.weight_P.shape == vector.gradient_P.shape == (sum(value.size for value in values.values()),)
    found = vector.split(vector.weight_P)
    assert found.keys() == values.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, values[name])
        np.testing.assert_array_equal(cnn_bilstm.trained_parameters(tagger)[name].data().asnumpy(), value)
    np.testing.assert_array_equal(vector.join(found), vector.weight_P.asnumpy())


def test_vector_and_parameters_share_their_memory() -> None:
    tagger, vector, values = vector_of()
    parameters = cnn_bilstm.trained_parameters(tagger)
    vector.weight_P *= 2
    for name, parameter in parameters.items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), 2 * values[name])
    cnn_bilstm.set_parameters(tagger, values)
    for name, value in vector.split(vector.weight_P).items():
        np.testing.assert_array_equal(value, values[name])


def test_gradients_of_operators_come_to_the_vector() -> None:
    tagger, vector, _ = vector_of()
    x = mx.nd.ones((4, 2, 2 * SIZES.lstm_units))
    vector.gradient_P[:] = 7
    with autograd.record():
        y = tagger.emission(x).sum()
    y.backward()
    found = vector.split(vector.gradient_P)
    np.testing.assert_array_equal(found["emission.bias"], np.full(9, 8))
    np.testing.assert_array_equal(found["emission.weight"], np.full((9, 6), 8))
    # What the loss does not depend on is not touched.
    np.testing.assert_array_equal(found["char_cnn.bias"], np.full(3, 7))
