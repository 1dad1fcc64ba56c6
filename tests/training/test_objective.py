"""What training minimises: its gradient through the whole network, against finite differences."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np
import pytest
from made_batches import NUM_WORDS, batch_of, random_sentence, small_index

from ner_dist.config import Config, Loss, Model
from ner_dist.contract.tag_schemes import Spans, spans_to_bilou
from ner_dist.model import cnn_bilstm
from ner_dist.model.cnn_bilstm import CnnBiLstm
from ner_dist.model.initial_values import initial_parameters
from ner_dist.training.dropout import Masks, masks
from ner_dist.training.objective import Objective

SIZES = Model(
    word_units=3,
    char_units=2,
    char_type_units=2,
    char_filters=3,
    feature_units=2,
    lstm_units=3,
    lstm_layers=2,
    dropout_recurrent=0.3,
)
WEIGHT_K = np.linspace(0.5, 2, 9)


def tagger_of(loss: Loss) -> CnnBiLstm:
    """In float64, so that differences are exact enough, with random parameters everywhere."""
    tagger = cnn_bilstm.build_tagger(Config(model=SIZES, loss=loss), small_index(), mx.cpu())
    tagger.cast("float64")
    values = initial_parameters(tagger, SIZES, 3)
    rng = np.random.default_rng(3)
    cnn_bilstm.set_parameters(tagger, {name: v + rng.normal(0, 0.3, v.shape) for name, v in sorted(values.items())})
    return tagger


def batch_with_valid_tags() -> Any:
    rng = np.random.default_rng(0)
    sentences = [random_sentence(rng, i, length) for i, length in enumerate((4, 1, 3))]
    spans = [Spans(*map(np.array, span)) for span in (([0, 2], [2, 3], [0, 1]), ([0], [1], [1]), ([0], [3], [0]))]
    tags = [spans_to_bilou(found, len(s.words)).tolist() for found, s in zip(spans, sentences)]
    return batch_of([s._replace(tags=t) for s, t in zip(sentences, tags)])


@pytest.mark.parametrize(
    "loss",
    [Loss(), Loss(likelihood="sentence"), Loss(likelihood="sentence", forbid=False)],
    ids=["token", "sentence", "sentence, nothing forbidden"],
)
def test_the_gradient_is_that_of_finite_differences(loss: Loss) -> None:
    tagger, batch = tagger_of(loss), batch_with_valid_tags()
    objective = Objective(tagger, loss, WEIGHT_K)
    words_WD = np.random.default_rng(1).normal(size=(NUM_WORDS, 3))[batch.word_ids_W]
    dropped = masks(batch.sentence_id_B, len(batch.mask_TB), SIZES, tagger.input_units, (1, 0, 0))
    assert dropped.recurrent

    def forward_backward(words_WD: np.ndarray) -> tuple[float, np.ndarray]:
        rows = mx.nd.array(words_WD, dtype="float64")
        rows_gradient, found = objective.forward_backward(batch, rows, batch.word_TB, dropped)
        return found.asscalar(), rows_gradient.asnumpy()

    _, words_gradient = forward_backward(words_WD)
    parameters = cnn_bilstm.trained_parameters(tagger)
    gradients = {name: parameter.grad().asnumpy() for name, parameter in parameters.items()}
    rng = np.random.default_rng(2)
    checked = 0
    for name, parameter in parameters.items():
        value = parameter.data().asnumpy()
        for place in zip(*(rng.integers(0, size, 3) for size in value.shape)):
            losses = []
            for shift in (1e-5, -1e-5):
                moved = value.copy()
                moved[place] += shift
                parameter.set_data(mx.nd.array(moved, dtype="float64"))
                losses.append(forward_backward(words_WD)[0])
            parameter.set_data(mx.nd.array(value, dtype="float64"))
            slope = (losses[0] - losses[1]) / 2e-5
            assert gradients[name][place] == pytest.approx(slope, rel=1e-5, abs=1e-7), name
            checked += abs(slope) > 1e-6
    assert checked > 20
    moved = words_WD.copy()
    moved[0, 1] += 1e-5
    slope = (forward_backward(moved)[0] - forward_backward(2 * words_WD - moved)[0]) / 2e-5
    assert words_gradient[0, 1] == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_forbidding_leaves_less_to_be_ruled_out() -> None:
    losses = []
    for forbid in (True, False):
        loss = Loss(likelihood="sentence", forbid=forbid)
        tagger, batch = tagger_of(loss), batch_with_valid_tags()
        rows = mx.nd.array(np.ones((len(batch.word_ids_W), 3)), dtype="float64")
        _, found = Objective(tagger, loss, WEIGHT_K).forward_backward(batch, rows, batch.word_TB, Masks([], []))
        losses.append(found.asscalar())
    assert 0 < losses[0] < losses[1]
