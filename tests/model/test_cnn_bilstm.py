"""The tagger: against the network in plain loops, independent of padding and batch mates, with the right gradients."""

from __future__ import annotations

import dataclasses
from typing import Any

import mxnet as mx
import numpy as np
import pytest
from made_batches import NUM_WORDS, IdSentence, batch_of, char_type, random_sentence, small_index

from ner_dist.config import Config, Loss, Model
from ner_dist.contract.mixing_hash import hash_numbers
from ner_dist.data.batch import Batch
from ner_dist.model import cnn_bilstm
from ner_dist.model.cnn_bilstm import CnnBiLstm
from ner_dist.model.initial_values import initial_parameters
from ner_dist.training.dropout import mask, masks
from ner_dist.training.objective import Objective

SIZES = Model(
    word_units=5,
    char_units=3,
    char_type_units=2,
    char_filters=4,
    char_width=3,
    feature_units=3,
    lstm_units=4,
    lstm_layers=2,
    dropout_input=0.25,
    dropout_output=0.5,
)
WORDS_VD = np.random.default_rng(5).normal(0, 1, (NUM_WORDS, SIZES.word_units))


def tagger_of(sizes: Model = SIZES, seed: int = 3, dtype: str = "float32") -> CnnBiLstm:
    """A tagger with random parameters everywhere, biases too."""
    tagger = cnn_bilstm.build_tagger(Config(model=sizes), small_index(), mx.cpu())
    tagger.cast(dtype)
    values = initial_parameters(tagger, sizes, seed)
    rng = np.random.default_rng(seed)
    cnn_bilstm.set_parameters(
        tagger, {name: value + rng.normal(0, 0.2, value.shape) for name, value in sorted(values.items())}
    )
    return tagger


def masks_of(
    batch: Batch, sizes: Model, input_units: int, place: tuple[int, int, int], like: mx.nd.NDArray
) -> list[mx.nd.NDArray]:
    found = masks(batch.sentence_id_B, len(batch.mask_TB), sizes, input_units, place)
    return [mx.nd.array(values, dtype=like.dtype) for values in found.activations]


def inputs_of(tagger: CnnBiLstm, batch: Batch, rows: np.ndarray | None = None) -> list[mx.nd.NDArray]:
    dtype = tagger.emission.weight.dtype
    rows = WORDS_VD[batch.word_ids_W] if rows is None else rows
    char_features = None if tagger.char_cnn is None else tagger.char_cnn.forward_numpy(batch)
    return cnn_bilstm.tagger_inputs(batch, mx.nd.array(rows, dtype=dtype), batch.word_TB, char_features)


def emissions(
    tagger: CnnBiLstm, sentences: list[IdSentence], sizes: Model = SIZES, epoch: int | None = None
) -> list[np.ndarray]:
    """(T, K) of each sentence, of one batch of all; with dropout if an epoch is given."""
    batch = batch_of(sentences, sizes.char_width // 2)
    inputs = inputs_of(tagger, batch)
    if epoch is not None:
        inputs += masks_of(batch, sizes, tagger.input_units, (1, epoch, 0), inputs[0])
    found = tagger(*inputs).asnumpy()
    return [found[: len(s.words), column] for column, s in enumerate(sentences)]


def random_sentences(lengths: list[int], longest_word: int = 6, seed: int = 0) -> list[IdSentence]:
    rng = np.random.default_rng(seed)
    return [random_sentence(rng, 10 + i, length, longest_word) for i, length in enumerate(lengths)]


# The network again, in plain loops over numpy rows.


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def plain_lstm(x: list[np.ndarray], vector: np.ndarray, units: int) -> list[np.ndarray]:
    """MXNet's packing: input matrix, recurrent matrix, two biases; gates input, forget, cell, output."""
    gates, at = 4 * units, 0
    parts = []
    for shape in ((gates, len(x[0])), (gates, units), (gates,), (gates,)):
        size = int(np.prod(shape))
        parts.append(vector[at : at + size].reshape(shape))
        at += size
    assert at == len(vector)
    h = c = np.zeros(units)
    out = []
    for row in x:
        i, f, g, o = np.split(parts[0] @ row + parts[1] @ h + parts[2] + parts[3], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return out


def plain_char_cnn(chars: list[int], p: dict[str, np.ndarray], width: int) -> np.ndarray:
    around = [0] * (width // 2)
    units = [np.append(p["char_cnn.char.weight"][c], p["char_cnn.char_type.weight"][char_type(c)]) for c in chars]
    pad = np.append(p["char_cnn.char.weight"][0], p["char_cnn.char_type.weight"][0])
    rows = [pad for _ in around] + units + [pad for _ in around]
    windows = [
        [np.sum(filters * np.array(rows[i : i + width]).T) for filters in p["char_cnn.weight"]]
        for i in range(len(chars))
    ]
    return np.max(windows, axis=0) + p["char_cnn.bias"]


def plain_emissions(s: IdSentence, p: dict[str, np.ndarray], sizes: Model) -> np.ndarray:
    x = []
    for t, word in enumerate(s.words):
        features = [p[f"feature_{name}.weight"][s.features[f][t]] for f, name in enumerate(("caps", "pos"))]
        x.append(np.concatenate([WORDS_VD[word], plain_char_cnn(s.chars[t], p, sizes.char_width), *features]))
    for layer in range(sizes.lstm_layers):
        ahead = plain_lstm(x, p[f"lstm.{layer}.forward_lstm"], sizes.lstm_units)
        back = plain_lstm(x[::-1], p[f"lstm.{layer}.backward_lstm"], sizes.lstm_units)[::-1]
        x = [np.concatenate(pair) for pair in zip(ahead, back)]
    return np.array([p["emission.weight"] @ row + p["emission.bias"] for row in x])


@pytest.mark.parametrize("width", [1, 3, 5])
def test_emissions_are_those_of_the_network_in_plain_loops(width: int) -> None:
    sizes = dataclasses.replace(SIZES, char_width=width)
    tagger = tagger_of(sizes, dtype="float64")
    parameters = {name: p.data().asnumpy() for name, p in cnn_bilstm.trained_parameters(tagger).items()}
    sentences = random_sentences([6, 1, 4, 9])
    for found, s in zip(emissions(tagger, sentences, sizes), sentences):
        np.testing.assert_allclose(found, plain_emissions(s, parameters, sizes), rtol=0, atol=1e-10)


@pytest.mark.parametrize("epoch", [None, 2], ids=["scoring", "dropout"])
def test_neither_padding_nor_mates_change_a_sentences_emissions(epoch: int | None) -> None:
    tagger = tagger_of()
    rng = np.random.default_rng(1)
    mine = random_sentences([1, 2, 7], longest_word=4)
    longer, wordy = random_sentence(rng, 90, 40), random_sentence(rng, 91, 5, longest_word=30)
    alone = [emissions(tagger, [s], epoch=epoch)[0] for s in mine]
    batches = {
        "each other": mine,
        "padding": [*mine, longer],
        "longer words": [*mine, wordy],
        "both, first": [longer, wordy, *mine],
        "the other way round": [longer, *mine[::-1], wordy],
    }
    for name, batch in batches.items():
        by_id = {s.sentence_id: found for s, found in zip(batch, emissions(tagger, batch, epoch=epoch))}
        for s, expected in zip(mine, alone):
            np.testing.assert_allclose(by_id[s.sentence_id], expected, rtol=0, atol=1e-6, err_msg=name)


def test_every_input_matters() -> None:
    # Without this the test above would pass for a model that ignores everything.
    tagger = tagger_of()
    (s,) = random_sentences([5])
    (base,) = emissions(tagger, [s])
    changes = {
        "word": s._replace(words=[*s.words[:-1], s.words[-1] % (NUM_WORDS - 1) + 1]),
        "char": s._replace(chars=[*s.chars[:-1], [2, 9, 4, 7, 1, 3]]),
        "caps": s._replace(features=[[*s.features[0][:-1], 1 + s.features[0][-1] % 3], s.features[1]]),
        "pos": s._replace(features=[s.features[0], [*s.features[1][:-1], 1 + s.features[1][-1] % 5]]),
    }
    for name, changed in changes.items():
        # Seen at the other end of the sentence, through the backward direction.
        assert changed != s
        assert abs(emissions(tagger, [changed])[0][0] - base[0]).max() > 1e-6, name
    first = s._replace(words=[s.words[0] % (NUM_WORDS - 1) + 1, *s.words[1:]])
    assert abs(emissions(tagger, [first])[0][-1] - base[-1]).max() > 1e-6


def loss_of(objective: Objective, batch: Batch, rows: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """(loss, gradient by the rows of the embeddings), with dropout; the parameters have their gradients."""
    tagger = objective.tagger
    rows = WORDS_VD[batch.word_ids_W] if rows is None else rows
    rows_WD = mx.nd.array(rows, dtype=tagger.emission.weight.dtype)
    found = masks(batch.sentence_id_B, len(batch.mask_TB), SIZES, tagger.input_units, (1, 0, 0))
    gradient_WD, loss = objective.forward_backward(batch, rows_WD, batch.word_TB, found)
    assert loss.shape == (1,)
    return loss.asscalar(), gradient_WD.asnumpy()


WEIGHT_K = np.linspace(0.5, 3, 9)


def test_the_loss_is_the_weighted_sum_of_the_tokens_negative_log_likelihoods() -> None:
    tagger = tagger_of()
    objective = Objective(tagger, Loss(), WEIGHT_K)
    sentences = random_sentences([3, 8, 1])
    together, _ = loss_of(objective, batch_of(sentences))
    expected = 0.0
    for s, emission in zip(sentences, emissions(tagger, sentences, epoch=0)):
        for row, tag in zip(emission.astype(np.float64), s.tags):
            expected += WEIGHT_K[tag] * (np.log(np.exp(row).sum()) - row[tag])
    assert together == pytest.approx(expected, rel=1e-5)
    apart = sum(loss_of(objective, batch_of([s]))[0] for s in sentences)
    assert together == pytest.approx(apart, rel=1e-5)


def test_gradients_of_every_parameter_are_central_differences_of_the_loss() -> None:
    tagger = tagger_of(dtype="float64")
    objective = Objective(tagger, Loss(), WEIGHT_K)
    batch = batch_of(random_sentences([4, 6, 1]))
    rows_WD = WORDS_VD[batch.word_ids_W]
    _, rows_gradient = loss_of(objective, batch, rows_WD)
    parameters = cnn_bilstm.trained_parameters(tagger)
    gradients = {name: parameter.grad().asnumpy().copy() for name, parameter in parameters.items()}
    gradients["rows"] = rows_gradient
    assert {"rows", "char_cnn.bias", "lstm.1.backward_lstm", "feature_pos.weight", "emission.bias"} < set(gradients)

    def difference(name: str, place: tuple[int, ...]) -> float:
        sides = []
        for shift in (1e-5, -1e-5):
            if name == "rows":
                moved = rows_WD.copy()
                moved[place] += shift
                sides.append(loss_of(objective, batch, moved)[0])
                continue
            before = parameters[name].data().asnumpy()
            moved = before.copy()
            moved[place] += shift
            parameters[name].set_data(mx.nd.array(moved, dtype="float64"))
            sides.append(loss_of(objective, batch)[0])
            parameters[name].set_data(mx.nd.array(before, dtype="float64"))
        return (sides[0] - sides[1]) / 2e-5

    rng = np.random.default_rng(0)
    for name, gradient in gradients.items():
        assert abs(gradient).max() > 1e-3, name
        # The steepest, and some at random.
        places = [np.unravel_index(abs(gradient).argmax(), gradient.shape)]
        places += [tuple(rng.integers(gradient.shape)) for _ in range(12)]
        for place in places:
            assert gradient[place] == pytest.approx(difference(name, place), rel=1e-6, abs=1e-7), (name, place)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    ("knob", "nothing", "absent"),
    [
        ("char_filters", 0, "char_cnn"),
        ("features", [], "feature_"),
        ("char_type_units", 0, "char_cnn.char_type"),
    ],
)
def test_a_part_of_size_0_is_left_out(knob: str, nothing: Any, absent: str) -> None:
    sizes = dataclasses.replace(SIZES, **{knob: nothing})
    tagger = tagger_of(sizes)
    assert not any(name.startswith(absent) for name in cnn_bilstm.trained_parameters(tagger))
    assert any(name.startswith(absent) for name in cnn_bilstm.trained_parameters(tagger_of()))
    (s,) = random_sentences([4])
    (base,) = emissions(tagger, [s], sizes)
    assert base.shape == (4, 9)
    if knob == "char_filters":
        changed = s._replace(chars=[[5, 5]] * 4)
    elif knob == "features":
        changed = s._replace(features=[[1] * 4, [1] * 4])
    else:
        return
    np.testing.assert_array_equal(emissions(tagger, [changed], sizes)[0], base)


@pytest.mark.filterwarnings("error::UserWarning")
def test_shards_without_token_features_are_tagged() -> None:
    tagger = cnn_bilstm.build_tagger(Config(model=SIZES), small_index(features=[]), mx.cpu())
    cnn_bilstm.set_parameters(tagger, initial_parameters(tagger, SIZES, 1))
    batch = batch_of(random_sentences([2, 3]), num_features=0)
    assert tagger(*inputs_of(tagger, batch)).shape == (3, 2, 9)


def test_features_no_larger_than_their_vocabulary_are_embedded() -> None:
    tagger = tagger_of(dataclasses.replace(SIZES, feature_units=5))
    shapes = {name: p.shape for name, p in cnn_bilstm.trained_parameters(tagger).items() if name.startswith("feature_")}
    assert shapes == {"feature_caps.weight": (4, 4), "feature_pos.weight": (6, 5)}


def test_only_what_is_to_be_trained_is_trained() -> None:
    names = set(cnn_bilstm.trained_parameters(tagger_of()))
    assert names == {
        "char_cnn.char.weight",
        "char_cnn.char_type.weight",
        "char_cnn.weight",
        "char_cnn.bias",
        "feature_caps.weight",
        "feature_pos.weight",
        *(f"lstm.{layer}.{direction}_lstm" for layer in (0, 1) for direction in ("forward", "backward")),
        "emission.weight",
        "emission.bias",
    }


def test_dropout_masks_are_those_of_the_sentences_one_for_each_place() -> None:
    batch = batch_of(random_sentences([3, 5]))
    like = mx.nd.zeros((1,))
    found_masks = masks_of(batch, SIZES, 11, (4, 2, 0), like)
    assert [found.shape for found in found_masks] == [(5, 2, 11), (5, 2, 8), (5, 2, 8)]
    for layer, (found, rate) in enumerate(zip(found_masks, (0.25, 0.5, 0.5))):
        key_B = hash_numbers(4, 2, layer, batch.sentence_id_B)
        np.testing.assert_array_equal(found.asnumpy(), mask(key_B, 5, found.shape[2], rate))
    nothing = dataclasses.replace(SIZES, dropout_input=0.0, dropout_output=0.0)
    assert masks_of(batch, nothing, 11, (4, 2, 0), like) == []
    only_output = dataclasses.replace(SIZES, dropout_input=0.0)
    assert (masks_of(batch, only_output, 11, (4, 2, 0), like)[0].asnumpy() == 1).all()


def test_windows_beyond_a_spelling_never_win_its_maximum() -> None:
    # Every window of a spelling is far below 0; one of padding alone would be 0.
    tagger = tagger_of()
    parameters = cnn_bilstm.trained_parameters(tagger)
    parameters["char_cnn.weight"].set_data(mx.nd.full((4, 5, 3), -1e3))
    for name in ("char_cnn.char.weight", "char_cnn.char_type.weight"):
        value = mx.nd.full(parameters[name].shape, 1e3)
        value[0] = 0
        parameters[name].set_data(value)
    short, wordy = random_sentences([3], longest_word=1)[0], random_sentences([2], longest_word=25, seed=3)[0]
    found = []
    for sentences in ([short], [short, wordy]):
        batch = batch_of(sentences)
        found.append(tagger.char_cnn.forward_numpy(batch).maximum_NF[batch.spelling_TB[:3, 0]])
    np.testing.assert_allclose(found[0], -5e6, rtol=1e-6)
    np.testing.assert_array_equal(found[1], found[0])


def test_a_model_without_the_second_feature_takes_the_first_and_third_from_their_places() -> None:
    sizes = dataclasses.replace(SIZES, features=["pos"])
    tagger = tagger_of(sizes)
    (s,) = random_sentences([6])
    (base,) = emissions(tagger, [s], sizes)
    place = [feature.name for feature in small_index().features].index("pos")
    for position in range(len(s.features)):
        other = [
            [1 + value % 2 for value in values] if i == position else values for i, values in enumerate(s.features)
        ]
        (found,) = emissions(tagger, [s._replace(features=other)], sizes)
        assert np.array_equal(found, base) == (position != place or other[place] == s.features[place])


def test_a_locked_mask_drops_the_same_units_at_every_token() -> None:
    locked = dataclasses.replace(SIZES, dropout_locked=True)
    batch = batch_of(random_sentences([3, 5]))
    found_masks = masks_of(batch, locked, 11, (4, 2, 0), mx.nd.zeros((1,)))
    assert [found.shape for found in found_masks] == [(1, 2, 11), (1, 2, 8), (1, 2, 8)]
    # Seen in the network: what a mask of all tokens alike does.
    tagger = tagger_of()
    inputs = inputs_of(tagger, batch)
    found_masks = masks_of(batch, locked, tagger.input_units, (1, 0, 0), inputs[0])
    wide = [mx.nd.broadcast_axis(found, axis=0, size=5) for found in found_masks]
    assert (wide[0].asnumpy() == 0).any()
    training = cnn_bilstm.TrainingEmissions(tagger)
    np.testing.assert_array_equal(training(*inputs, *found_masks).asnumpy(), training(*inputs, *wide).asnumpy())


def test_recurrent_dropout_zeroes_recurrent_weights_alone_the_same_ones_for_every_batch_of_a_step() -> None:
    sizes = dataclasses.replace(SIZES, dropout_input=0.0, dropout_output=0.0, dropout_recurrent=0.5)
    tagger = tagger_of(sizes)
    batch, other = batch_of(random_sentences([3, 5])), batch_of(random_sentences([2]))

    def masks_at(batch: Batch, step_id: int) -> list[np.ndarray]:
        found = masks(batch.sentence_id_B, len(batch.mask_TB), sizes, tagger.input_units, (1, 0, step_id))
        assert found.activations == []
        return found.recurrent

    found = masks_at(batch, 7)
    for mask_2X in found:
        assert mask_2X.shape == (2, 4 * 4 * 4)
        assert set(np.unique(mask_2X)) == {0, 2}
        assert not np.array_equal(mask_2X[0], mask_2X[1])
    np.testing.assert_array_equal(masks_at(other, 7), found)
    assert not np.array_equal(masks_at(batch, 8), found)

    parameters = cnn_bilstm.trained_parameters(tagger)
    before = {name: parameter.data().asnumpy() for name, parameter in parameters.items()}
    for parameter in parameters.values():
        parameter.grad()[:] = 1
    with tagger.recurrent_dropout(found):
        dropped = tagger(*inputs_of(tagger, batch)).asnumpy()
    for layer, (mask_2X, fan_in) in enumerate(zip(found, (tagger.input_units, 8))):
        for mask_X, direction in zip(mask_2X, ("forward", "backward")):
            name = f"lstm.{layer}.{direction}_lstm"
            factor = np.ones(len(before[name]), np.float32)
            factor[4 * 4 * fan_in : 4 * 4 * (fan_in + 4)] = mask_X
            # The parameters are as they were, bit for bit, and what was dropped has no gradient.
            np.testing.assert_array_equal(parameters[name].data().asnumpy(), before[name])
            np.testing.assert_array_equal(parameters[name].grad().asnumpy(), factor)
            parameters[name].set_data(mx.nd.array(before[name] * factor))
    np.testing.assert_array_equal(tagger(*inputs_of(tagger, batch)).asnumpy(), dropped)


def test_recurrent_dropout_is_undone_when_a_step_fails() -> None:
    tagger = tagger_of()
    parameter = cnn_bilstm.trained_parameters(tagger)["lstm.0.forward_lstm"]
    before = parameter.data().asnumpy()

    def fail() -> None:
        with tagger.recurrent_dropout([np.zeros((2, 64), np.float32)]):
            assert not np.array_equal(parameter.data().asnumpy(), before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    np.testing.assert_array_equal(parameter.data().asnumpy(), before)
