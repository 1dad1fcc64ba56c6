"""One global update: the exchange of word rows, sums over ranks, clipping, what stops it, and its whole state."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, get_args

import mxnet as mx
import numpy as np
import pytest
from made_batches import NUM_WORDS, IdSentence, batch_of, random_sentence, small_index
from thread_comm import ThreadComm, on_ranks

from ner_dist.config import Config, Loss, Model, Optimizer, OptimizerName, Train
from ner_dist.model import cnn_bilstm
from ner_dist.model.initial_values import InitialEmbeddings, initial_parameters
from ner_dist.ranks.comm import Solo
from ner_dist.training.dropout import masks
from ner_dist.training.objective import Objective
from ner_dist.training.step import Learner, NotFinite
from ner_dist.training.word_exchange import exchange_word_ids

SIZES = Model(
    word_units=4,
    char_units=3,
    char_type_units=2,
    char_filters=3,
    feature_units=2,
    lstm_units=3,
    lstm_layers=1,
    dropout_input=0.25,
    dropout_output=0.5,
)
SGD = Optimizer(name="sgd", learning_rate=0.5, clip_norm=0.0)
WEIGHT_K = np.linspace(0.5, 2, 9).astype(np.float32)


def config_of(optimizer: Optimizer = SGD, **loss: Any) -> Config:
    return Config(model=SIZES, optimizer=optimizer, loss=Loss(**loss), train=Train(seed=4))


def learner_of(config: Config, comm: Solo | ThreadComm | None = None, dtype: str = "float64") -> Learner:
    """In float64, so that sums in another order agree to many digits; MXNet's rules take their scalars in float32."""
    tagger = cnn_bilstm.build_tagger(config, small_index(), mx.cpu())
    tagger.cast(dtype)
    cnn_bilstm.set_parameters(tagger, initial_parameters(tagger, SIZES, 2))
    words_VD = np.random.default_rng(1).normal(0, 1, (NUM_WORDS, SIZES.word_units)).astype(dtype)
    return Learner(tagger, InitialEmbeddings(words_VD, np.zeros(NUM_WORDS, bool)), config, WEIGHT_K, comm or Solo())  # type: ignore[arg-type]


def sentences_of(lengths: list[int], first_id: int = 0) -> list[IdSentence]:
    rng = np.random.default_rng(first_id)
    return [random_sentence(rng, first_id + i, length) for i, length in enumerate(lengths)]


# Two ranks' parts of three steps; one rank has none of the second.
MINE = [sentences_of([3, 5], 0), sentences_of([2, 2, 6], 10), sentences_of([1, 4], 20)]
YOURS = [sentences_of([7], 30), [], sentences_of([2, 9, 1], 40)]


class Taken(NamedTuple):
    """A step's result, and what all ranks knew of it before."""

    loss: float
    gradient_norm: float
    num_sentences: int
    num_tokens: int
    num_slots: int


def take_steps(learner: Learner, parts: list[list[IdSentence]], epoch: int = 0) -> list[Taken]:
    batches = [batch_of(part) if part else None for part in parts]
    rate = learner._config.optimizer.learning_rate
    return [
        Taken(*learner.step(batch, shared, epoch, step_id, rate)[:2], *shared[1:])
        for step_id, (batch, shared) in enumerate(zip(batches, exchange_word_ids(learner._comm, batches)))
    ]


def copied(learner: Learner) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in learner.state().items()}


def changes(learner: Learner, before: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What happened to the parameters and the word table."""
    after = copied(learner)
    return {name: after[name] - before[name] for name in after if name.startswith(("parameter/", "words"))}


def norm(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum((array**2).sum() for array in arrays.values())))


def test_a_step_is_gradient_descent_on_the_loss_with_a_dense_embedding() -> None:
    learner, reference = learner_of(config_of()), learner_of(config_of())
    before = copied(learner)
    batch = batch_of(MINE[1])
    assert len(np.unique(batch.word_TB[batch.mask_TB > 0])) < batch.num_tokens, "no word occurs twice"

    table_VD = mx.nd.array(before["words"], dtype="float64")
    word_TB = batch.word_ids_W[batch.word_TB].astype(np.int32)
    found = masks(batch.sentence_id_B, len(batch.mask_TB), SIZES, reference.tagger.input_units, (4, 0, 0))
    objective = Objective(reference.tagger, Loss(), WEIGHT_K)
    table_gradient_VD, loss = objective.forward_backward(batch, table_VD, word_TB, found)
    gradients = {
        f"parameter/{name}": p.grad().asnumpy() for name, p in cnn_bilstm.trained_parameters(reference.tagger).items()
    }
    gradients["words"] = table_gradient_VD.asnumpy()

    (result,) = take_steps(learner, [MINE[1]])
    for name, change in changes(learner, before).items():
        np.testing.assert_allclose(change, -0.5 * gradients[name] / 3, rtol=1e-6, atol=1e-12, err_msg=name)
    unused = np.setdiff1d(np.arange(NUM_WORDS), batch.word_ids_W)
    assert len(unused)
    np.testing.assert_array_equal(learner.words.weight_VD[unused], before["words"][unused])
    assert result.loss == pytest.approx(loss.asscalar(), rel=1e-12)
    assert result.gradient_norm == pytest.approx(norm(gradients) / 3, rel=1e-9)
    assert result[2:] == (3, 10, 18)


@pytest.mark.parametrize("divide_by", ["sentences", "tokens"])
@pytest.mark.parametrize(
    "optimizer",
    [SGD, dataclasses.replace(SGD, clip_norm=0.05), Optimizer(name="sgd", params={"momentum": 0.9}), Optimizer()],
    ids=["sgd", "clipped", "momentum", "adam"],
)
def test_two_ranks_on_a_and_b_are_one_rank_on_a_and_b_together(optimizer: Optimizer, divide_by: Any) -> None:
    config = config_of(optimizer, divide_by=divide_by)
    alone = learner_of(config)
    expected = take_steps(alone, [mine + yours for mine, yours in zip(MINE, YOURS)])

    def rank(comm: ThreadComm) -> tuple[list[Taken], dict[str, np.ndarray]]:
        learner = learner_of(config, comm)
        # As on different processors; here both ranks compute the same norm.
        learner.shares_norm = divide_by == "tokens"
        return take_steps(learner, (MINE, YOURS)[comm.rank]), copied(learner)

    (results, state), (other_results, other_state) = on_ranks(2, rank)
    assert results == other_results
    for name, array in state.items():
        np.testing.assert_array_equal(array, other_state[name], err_msg=name)
        np.testing.assert_allclose(array, copied(alone)[name], rtol=1e-7, atol=1e-10, err_msg=name)
    for one, together in zip(results, expected):
        assert one[:2] == pytest.approx(together[:2], rel=1e-9)
        assert one[2:4] == together[2:4]
        # Padding is per rank, so the ranks together have no more slots than one that pads all to the longest.
        assert together.num_tokens <= one.num_slots <= together.num_slots
    if optimizer.clip_norm == 0.05:
        assert min(result.gradient_norm for result in results) > 0.05, "nothing was clipped"


def test_the_sum_does_not_depend_on_which_rank_has_which_part() -> None:
    def rank(comm: ThreadComm) -> dict[str, np.ndarray]:
        parts = [[], sentences_of([2], 70), sentences_of([3], 80)]
        learner = learner_of(config_of(), comm)
        take_steps(learner, [parts[(comm.rank + turn) % 3] for turn in range(3)])
        return copied(learner)

    alone = learner_of(config_of())
    take_steps(alone, [sentences_of([2], 70) + sentences_of([3], 80)] * 3)
    for state in on_ranks(3, rank):
        for name, array in state.items():
            np.testing.assert_allclose(array, copied(alone)[name], rtol=1e-7, atol=1e-10, err_msg=name)


def test_announced_words_and_counts_are_those_of_all_ranks() -> None:
    def rank(comm: ThreadComm) -> list[Any]:
        batches = [batch_of(part) if part else None for part in (MINE, YOURS)[comm.rank]]
        return exchange_word_ids(comm, batches)

    for announced in on_ranks(2, rank):
        for shared, mine, yours in zip(announced, MINE, YOURS):
            both = mine + yours
            assert shared.ids_U.tolist() == sorted({word for s in both for word in s.words})
            lengths = [[len(s.words) for s in part] for part in (mine, yours) if part]
            assert shared[1:] == (
                len(both),
                sum(map(sum, lengths)),
                sum(len(part) * max(part) for part in lengths),
            )


def test_clipping_scales_the_whole_global_gradient_to_the_norm_and_only_if_it_is_larger() -> None:
    free, clipped, roomy = (
        learner_of(config_of(dataclasses.replace(SGD, learning_rate=1.0, clip_norm=limit))) for limit in (0, 0.01, 1e6)
    )
    before = copied(free)
    results = [take_steps(learner, [MINE[0]])[0] for learner in (free, clipped, roomy)]
    assert len(set(results)) == 1, "the reported norm is the one before clipping"
    change, clipped_change = changes(free, before), changes(clipped, before)
    assert norm(change) == pytest.approx(results[0].gradient_norm, rel=1e-9)
    assert norm(clipped_change) == pytest.approx(0.01, rel=1e-6)
    for name, array in changes(roomy, before).items():
        np.testing.assert_array_equal(array, change[name])
        np.testing.assert_allclose(clipped_change[name] * norm(change) / 0.01, array, rtol=1e-6, atol=1e-12)


def test_the_loss_is_divided_by_sentences_or_by_tokens() -> None:
    by_sentences, by_tokens = (learner_of(config_of(divide_by=count)) for count in ("sentences", "tokens"))
    before = copied(by_sentences)
    for learner in (by_sentences, by_tokens):
        take_steps(learner, [MINE[0]])
    of_tokens = changes(by_tokens, before)
    for name, change in changes(by_sentences, before).items():
        # 2 sentences, 8 tokens.
        np.testing.assert_allclose(change, of_tokens[name] * 4, rtol=1e-6, atol=1e-12)


def test_the_learning_rate_is_the_one_given() -> None:
    whole, half = learner_of(config_of()), learner_of(config_of())
    before = copied(whole)
    for learner, rate in ((whole, 0.5), (half, 0.25)):
        batch = batch_of(MINE[0])
        learner.step(batch, *exchange_word_ids(Solo(), [batch]), 0, 0, rate)
    slower = changes(half, before)
    for name, change in changes(whole, before).items():
        np.testing.assert_allclose(change, slower[name] * 2, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_step_that_is_not_finite_stops_all_ranks_before_anything_changes(value: float) -> None:
    # A word that only the second rank's part has.
    mine, yours = sentences_of([2, 3], 50), [sentences_of([2], 60)[0]._replace(words=[28, 28])]
    assert 28 not in {word for s in mine for word in s.words}

    def rank(comm: ThreadComm) -> str:
        learner = learner_of(config_of(Optimizer()), comm)
        take_steps(learner, [mine])
        learner.words.weight_VD[28] = value
        before = copied(learner)
        batch = batch_of((mine, yours)[comm.rank])
        (shared,) = exchange_word_ids(learner._comm, [batch])
        with pytest.raises(NotFinite) as caught:
            learner.step(batch, shared, epoch=4, step_id=17, learning_rate=0.5)
        for name, array in copied(learner).items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)
        return str(caught.value)

    message, other = on_ranks(2, rank)
    assert message == other
    assert "not finite at epoch 5, step 17 (rank 1: sentences 60); nothing was updated" in message


class Overflowing(Solo):
    """The sum over ranks is infinite although no part of it is."""

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        gradients[1][:] = np.inf


def test_a_sum_that_overflows_although_no_part_does_is_told_apart() -> None:
    learner = learner_of(config_of(), Overflowing())
    before = copied(learner)
    with pytest.raises(NotFinite, match=r"step 0 \(only in the sum over ranks\)"):
        take_steps(learner, [MINE[0]])
    assert norm(changes(learner, before)) == 0


def test_a_rank_without_sentences_adds_nothing() -> None:
    seen: list[list[np.ndarray]] = []

    class Watching(Solo):
        def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
            # All but the vote.
            seen.append([gradient.asnumpy() for gradient in gradients[:-1]])

    learner = learner_of(config_of(), Watching())
    batch = batch_of(MINE[0])
    (shared,) = exchange_word_ids(learner._comm, [batch])
    learner.step(batch, shared, 0, 0, 0.5)
    learner.step(None, shared, 0, 1, 0.5)
    some, none = seen
    assert [array.shape for array in none] == [array.shape for array in some]
    assert not any(array.any() for array in none)
    assert all(array.any() for array in some)


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_a_learner_set_to_a_state_goes_on_bitwise_as_the_one_it_came_from(name: Any) -> None:
    config = config_of(Optimizer(name=name, decay=0.1))
    parts = [mine + yours for mine, yours in zip(MINE, YOURS)]
    whole, second = (learner_of(config, dtype="float32") for _ in range(2))
    take_steps(whole, parts, epoch=0)
    saved = copied(whole)
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in saved.values())
    # As if begun with another history.
    take_steps(second, parts[::-1], epoch=3)
    second.set_state(saved)
    for learner in (whole, second):
        take_steps(learner, parts, epoch=1)
    after = copied(second)
    for array_name, array in copied(whole).items():
        np.testing.assert_array_equal(after[array_name], array, err_msg=array_name)
    assert not np.array_equal(after["words"], saved["words"])


def test_checksums_are_those_of_the_state_and_find_a_change_in_each_part_of_it() -> None:
    config = dataclasses.replace(config_of(Optimizer(name="adam")), train=Train(seed=4, average=0.9))
    first, second = learner_of(config), learner_of(config)
    for learner in (first, second):
        take_steps(learner, [MINE[0]])
    agreed = first.checksums()
    assert second.checksums() == agreed
    assert set(agreed) == {"parameters", "word rows", "optimizer state", "averaged weights"}
    parts = {"word rows": "words", "optimizer state": "words_state/0", "averaged weights": "average_words"}
    parts["parameters"] = next(name for name in first.state() if name.startswith("parameter/"))
    for part, name in parts.items():
        state = first.state()
        state[name] = state[name].copy()
        state[name].flat[-1] += 1e-6
        second.set_state(state)
        assert [other for other, value in second.checksums().items() if value != agreed[other]] == [part]


def test_a_learner_takes_nothing_of_a_state_it_was_given_but_its_values() -> None:
    learner = learner_of(config_of(Optimizer()), dtype="float32")
    saved = copied(learner)
    given = {name: array.copy() for name, array in saved.items()}
    learner.set_state(given)
    take_steps(learner, [MINE[0]])
    for name, array in given.items():
        np.testing.assert_array_equal(array, saved[name])


def test_the_order_of_sentences_in_a_batch_does_not_matter() -> None:
    one, other = learner_of(config_of()), learner_of(config_of())
    take_steps(one, [MINE[1]])
    take_steps(other, [MINE[1][::-1]])
    for name, array in copied(one).items():
        np.testing.assert_allclose(array, copied(other)[name], rtol=1e-9, atol=1e-12, err_msg=name)
