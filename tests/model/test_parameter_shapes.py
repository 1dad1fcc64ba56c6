"""The shapes that checkpoints are compared with are those of the networks that are built."""

from __future__ import annotations

import mxnet as mx
import pytest
from made_batches import small_index

from ner_dist import config as knobs
from ner_dist.model.cnn_bilstm import build_tagger, trained_parameters
from ner_dist.model.parameter_shapes import parameter_shapes


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--loss.likelihood", "sentence", "--model.lstm_layers", "3", "--model.lstm_units", "5"],
        ["--model.char_filters", "0", "--model.features", "[]"],
        ["--model.char_type_units", "0", "--model.char_width", "5", "--model.features", "[pos]"],
        ["--model.feature_units", "5"],
    ],
)
def test_the_shapes_are_those_of_the_network(arguments: list[str]) -> None:
    config, index = knobs.parse(arguments)[0], small_index()
    built = trained_parameters(build_tagger(config, index, mx.cpu()))
    assert parameter_shapes(config, index) == {name: parameter.shape for name, parameter in built.items()}
