"""The word table: what a step does to its rows equals MXNet's dense and lazy updates, and leaves other rows alone."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from ner_dist.config import Optimizer
from ner_dist.model.initial_values import InitialEmbeddings, draw_embeddings
from ner_dist.training import optimizer
from ner_dist.training.embedding_table import EmbeddingTable
from tests.training.test_optimizer import SETTINGS, described

V, D = 20, 3
START_VD = np.random.default_rng(0).normal(0, 1, (V, D)).astype(np.float32)
# The rows of each step: overlapping, some never touched.
STEPS = [[1, 4, 9], [0, 4], [9, 19, 1, 3], [4], [1, 2, 3, 4, 5]]


def all_learnt() -> InitialEmbeddings:
    return InitialEmbeddings(START_VD.copy(), np.zeros(V, bool))


def gradient(step: int) -> np.ndarray:
    return np.random.default_rng([7, step]).normal(0, 1, (len(STEPS[step]), D)).astype(np.float32)


def scale(rule: mx.optimizer.Optimizer, step: int) -> None:
    rule.rescale_grad = 1 / (1 + step)


def table_after(settings: Optimizer, num_steps: int = len(STEPS)) -> EmbeddingTable:
    rule = optimizer.create(settings)
    table = EmbeddingTable(all_learnt(), rule, key=3)
    for step in range(num_steps):
        scale(rule, step)
        table.update(np.array(STEPS[step]), mx.nd.array(gradient(step)))
    return table


def test_plain_sgd_on_rows_is_sgd_on_the_whole_table() -> None:
    settings = Optimizer(name="sgd", learning_rate=0.5)
    rule = optimizer.create(settings)
    weight = mx.nd.array(START_VD)
    for step, ids in enumerate(STEPS):
        dense = np.zeros((V, D), np.float32)
        dense[ids] = gradient(step)
        scale(rule, step)
        rule.update(0, weight, mx.nd.array(dense), rule.create_state(0, weight))
    np.testing.assert_array_equal(table_after(settings).weight_VD, weight.asnumpy())


@pytest.mark.parametrize(
    "settings",
    [
        Optimizer(name="sgd", params={"momentum": 0.9}),
        Optimizer(name="sgd", weight_decay=0.1),
        Optimizer(name="adam"),
        Optimizer(name="adam", weight_decay=0.1),
    ],
    ids=lambda settings: f"{settings.name}-{settings.params}-{settings.weight_decay}",
)
def test_rows_move_as_in_mxnets_lazy_updates(settings: Optimizer) -> None:
    rule = optimizer.create(settings)
    assert rule.lazy_update
    weight = mx.nd.array(START_VD).tostype("row_sparse")
    state = rule.create_state(0, weight)
    for step, ids in enumerate(STEPS):
        rising = np.argsort(ids)
        rows = mx.nd.sparse.row_sparse_array((gradient(step)[rising], np.array(ids)[rising]), shape=(V, D))
        scale(rule, step)
        rule.update(0, weight, rows, state)
    table = table_after(settings)
    np.testing.assert_allclose(table.weight_VD, weight.asnumpy(), rtol=1e-6, atol=1e-7)
    for mine, theirs in zip(table.states_LD, optimizer.leaves(state)):
        np.testing.assert_allclose(mine, theirs.asnumpy(), rtol=1e-6, atol=1e-7)
    assert abs(table.weight_VD - START_VD).max() > 1e-3


@pytest.mark.parametrize("settings", SETTINGS, ids=described)
def test_rows_that_no_step_uses_keep_their_values_and_their_state(settings: Optimizer) -> None:
    table, fresh = table_after(settings), table_after(settings, 0)
    used = sorted({row for ids in STEPS for row in ids})
    others = [row for row in range(V) if row not in used]
    np.testing.assert_array_equal(table.weight_VD[others], START_VD[others])
    for state, before in zip(table.states_LD, fresh.states_LD):
        np.testing.assert_array_equal(state[others], before[others])
    assert (table.weight_VD[used] != START_VD[used]).any(axis=1).all()


@pytest.mark.parametrize("settings", SETTINGS, ids=described)
def test_rows_used_in_every_step_move_as_a_parameter_of_their_own(settings: Optimizer) -> None:
    rows = np.array([2, 11, 5])
    rule, alone = optimizer.create(settings), optimizer.create(settings)
    table = EmbeddingTable(all_learnt(), rule, key=0)
    weight = mx.nd.array(START_VD[rows])
    state = alone.create_state(0, weight)
    for step in range(4):
        # Two copies, because some rules scale the gradient in place.
        change, again = (mx.nd.array(np.random.default_rng(step).normal(0, 1, (3, D))) for _ in range(2))
        for one in (rule, alone):
            scale(one, step)
        table.update(rows, change)
        alone.update(0, weight, again, state)
    np.testing.assert_array_equal(table.weight_VD[rows], weight.asnumpy())
    for mine, theirs in zip(table.states_LD, optimizer.leaves(state)):
        np.testing.assert_array_equal(mine[rows], theirs.asnumpy())


def test_rows_come_in_the_order_asked_for_twice_if_asked_twice() -> None:
    table = table_after(Optimizer(), 0)
    ids = np.array([4, 1, 4])
    found = table.rows(ids, mx.cpu())
    np.testing.assert_array_equal(found.asnumpy(), START_VD[ids])
    # A copy: what a step does to it does not reach the table.
    found[:] = 0
    assert START_VD[4].all()
    np.testing.assert_array_equal(table.weight_VD, START_VD)


def vectors_of(rows: list[int], num: int) -> np.ndarray:
    """Pretrained vectors of these words, NaN for the others."""
    vectors_VD = np.full((num, 10), np.nan, np.float32)
    vectors_VD[rows] = np.random.default_rng(0).normal(0.1, 0.5, (len(rows), 10))
    return vectors_VD


def test_words_of_the_vectors_alone_have_no_optimizer_state() -> None:
    words = draw_embeddings(4000, 10, 3, vectors_of(list(range(2, 4000, 2)), num=4000), 3000)
    table = EmbeddingTable(words, optimizer.create(Optimizer()), key=0)
    assert [state.shape for state in table.states_LD] == [(3000, 10)] * 2


def test_words_of_the_vectors_alone_are_never_learnt_and_frozen_ones_not_yet() -> None:
    table = EmbeddingTable(
        draw_embeddings(40, 10, 3, vectors_of([3, 4, 30], num=40), 20), optimizer.create(Optimizer()), 0
    )
    ids = np.array([1, 3, 4, 7, 19, 20, 30])
    assert ids[table.trainable(ids, frozen=False)].tolist() == [1, 3, 4, 7, 19]
    assert ids[table.trainable(ids, frozen=True)].tolist() == [1, 7, 19]
    assert table.trainable(np.array([3, 30]), frozen=True).tolist() == []


def test_what_is_learnt_is_the_beginning_of_the_table_in_the_same_memory() -> None:
    table = EmbeddingTable(draw_embeddings(40, 10, 3, None, 20), optimizer.create(Optimizer()), 0)
    table.update(np.array([5]), mx.nd.ones((1, 10)))
    np.testing.assert_array_equal(table.trained_LD, table.weight_VD[:20])
    table.trained_LD[7] = 9
    assert (table.weight_VD[7] == 9).all()
