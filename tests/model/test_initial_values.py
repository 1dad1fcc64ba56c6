"""What training begins with: from the seed alone, with the distributions of the docstrings; pretrained vectors stay."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from made_batches import small_index

from ner_dist.config import Config, Model
from ner_dist.model import cnn_bilstm
from ner_dist.model.initial_values import draw_embeddings, initial_parameters
from tests.model.test_cnn_bilstm import SIZES


def test_initial_parameters_depend_on_the_seed_alone() -> None:
    index = small_index()
    first = cnn_bilstm.build_tagger(Config(model=SIZES), index, mx.cpu())
    values = initial_parameters(first, SIZES, 7)
    # MXNet numbers its blocks by what the process has built, and has a generator of its own.
    mx.random.seed(99)
    mx.gluon.nn.Dense(3)
    again = cnn_bilstm.build_tagger(Config(model=SIZES), index, mx.cpu())
    assert first.prefix != again.prefix
    for name, value in initial_parameters(again, SIZES, 7).items():
        np.testing.assert_array_equal(value, values[name])
    other = initial_parameters(again, SIZES, 8)
    assert set(other) == set(values) == set(cnn_bilstm.trained_parameters(first))
    for name, value in other.items():
        assert name.endswith("bias") or not np.array_equal(value, values[name])


def test_initial_parameters_are_what_the_docstring_says() -> None:
    sizes = Model(lstm_units=50)
    values = initial_parameters(cnn_bilstm.build_tagger(Config(model=sizes), small_index(), mx.cpu()), sizes, 1)
    for direction in ("forward", "backward"):
        biases = values[f"lstm.0.{direction}_lstm"][-8 * 50 :].reshape(2, 4, 50)
        expected = np.zeros((2, 4, 50))
        expected[0, 1] = 1
        np.testing.assert_array_equal(biases, expected)
        recurrent = values[f"lstm.0.{direction}_lstm"][-8 * 50 - 4 * 50 * 50 : -8 * 50]
        assert abs(recurrent).max() == pytest.approx(np.sqrt(6 / 100), rel=0.01)
    assert not values["emission.bias"].any()
    assert not values["char_cnn.bias"].any()
    assert 0.45 < abs(values["char_cnn.char.weight"]).max() <= 0.5
    assert abs(values["emission.weight"]).max() == pytest.approx(np.sqrt(6 / (100 + 9)), rel=0.05)
    # A filter of 3 characters of 29 units each; 53 filters.
    assert abs(values["char_cnn.weight"]).max() == pytest.approx(np.sqrt(6 / (3 * 29 + 3 * 53)), rel=0.05)
    assert all(value.dtype == np.float32 for value in values.values())


def test_initial_embeddings_depend_on_the_seed_alone_with_padding_0() -> None:
    words, pretrained = draw_embeddings(5000, 50, 3, None, 5000)
    np.testing.assert_array_equal(words, draw_embeddings(5000, 50, 3, None, 5000).weight_VD)
    assert not np.array_equal(words, draw_embeddings(5000, 50, 4, None, 5000).weight_VD)
    assert not pretrained.any()
    assert len(pretrained) == 5000
    assert (words.shape, words.dtype) == ((5000, 50), np.float32)
    assert not words[0].any()
    assert words[1:].var() == pytest.approx(1 / 50, rel=0.01)
    assert abs(words).max() <= np.sqrt(3 / 50)


def test_words_with_a_pretrained_vector_begin_with_it_and_the_rest_spreads_as_widely() -> None:
    known = list(range(2, 4000, 2))
    vectors_VD = np.full((4000, 10), np.nan, np.float32)
    vectors_VD[known] = np.random.default_rng(0).normal(0.1, 0.5, (len(known), 10))
    words = draw_embeddings(4000, 10, 3, vectors_VD.copy(), 3000)
    np.testing.assert_array_equal(words.weight_VD[known], vectors_VD[known])
    assert not words.weight_VD[0].any()
    rest = words.weight_VD[1::2]
    assert np.isfinite(rest).all()
    assert rest.var() == pytest.approx(0.25, rel=0.05)
    # Only words that training meets can be learnt.
    assert words.pretrained_L.tolist() == [row in set(known) for row in range(3000)]
