"""The exchange benchmark: bytes counted by hand, and the same sums from the rows and from the whole table."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np
import pytest
from made_batches import NUM_WORDS, batch_of, small_index
from thread_comm import ThreadComm, on_ranks

from bench.speed.exchange import (
    CountingComm,
    Exchange,
    dense_gradients,
    exchange_results,
    num_bytes,
    spread,
    sum_in_half,
)
from bench.speed.measurement import median, shown
from ner_dist.errors import UserError
from ner_dist.model import cnn_bilstm
from ner_dist.training.word_exchange import exchange_word_ids
from tests.training.test_step import MINE, YOURS, config_of, learner_of

UNITS, FLOAT64, INT64 = 4, 8, 8
UNION = [len({word for s in mine + yours for word in s.words}) for mine, yours in zip(MINE, YOURS)]


def recorded(comm: ThreadComm) -> tuple[CountingComm, list[Any]]:
    """Three steps of two ranks, in float64, with words of 4 units; what was kept of them, and the words of each."""
    recorder: Any = CountingComm(comm)
    recorder.keep = True
    learner = learner_of(config_of(), recorder)
    batches = [batch_of(part) if part else None for part in (MINE, YOURS)[comm.rank]]
    shared = exchange_word_ids(recorder, batches)
    for step_id, (batch, of_all) in enumerate(zip(batches, shared)):
        learner.step(batch, of_all, 0, step_id, 0.5)
    return recorder, [Exchange(of_all.ids_U, kept) for of_all, kept in zip(shared, recorder.kept)]


def test_the_bytes_of_a_step_are_its_parameters_the_rows_of_all_its_words_the_loss_and_the_votes() -> None:
    parameters = cnn_bilstm.trained_parameters(learner_of(config_of()).tagger).values()
    num_parameters = sum(int(np.prod(parameter.shape)) for parameter in parameters)
    for recorder, _ in on_ranks(2, recorded):
        assert recorder.summed_bytes == [FLOAT64 * (num_parameters + UNITS * words + 2) for words in UNION]


def test_an_announcement_has_four_numbers_a_step_and_the_rank_s_words() -> None:
    for parts, (recorder, _) in zip((MINE, YOURS), on_ranks(2, recorded)):
        words = [len({word for s in part for word in s.words}) for part in parts]
        assert recorder.announced_bytes == [INT64 * (4 * 3 + sum(words))]


def test_the_whole_table_is_counted_as_a_plain_trainer_exchanges_it() -> None:
    part = Exchange(np.array([1, 4]), [mx.nd.zeros(10), mx.nd.ones((2, 3)), mx.nd.ones(1)])
    assert num_bytes(part.gradients) == 4 * (10 + 2 * 3 + 1)
    assert num_bytes(dense_gradients(part, 1000)) == 4 * (10 + 1000 * 3 + 1)
    assert num_bytes([np.zeros(3, np.int64), mx.nd.zeros(5, dtype=np.float16)]) == 3 * 8 + 5 * 2


def test_rows_and_whole_tables_have_the_same_sums() -> None:
    def look(comm: ThreadComm) -> None:
        _, parts = recorded(comm)
        assert [len(part.ids_U) for part in parts] == UNION
        for part in parts:
            dense = dense_gradients(part, NUM_WORDS)
            sparse = [gradient.copy() for gradient in part.gradients]
            comm.sum_gradients(sparse)
            comm.sum_gradients(dense)
            assert np.abs(sparse[1].asnumpy()).max() > 0
            table_VD = np.zeros((NUM_WORDS, UNITS))
            table_VD[part.ids_U] = sparse[1].asnumpy()
            for found, expected in zip(dense, (sparse[0].asnumpy(), table_VD, sparse[2].asnumpy())):
                np.testing.assert_array_equal(found.asnumpy(), expected)

    on_ranks(2, look)


def test_float16_rounds_the_parameters_gradient_alone() -> None:
    def look(comm: ThreadComm) -> list[list[float]]:
        gradients = [mx.nd.array([1 + 2**-13, 2048.0]), mx.nd.array([[1 + 2**-13]]), mx.nd.array([1 + 2**-13])]
        sum_in_half(comm, gradients)
        assert {gradient.dtype for gradient in gradients} == {np.float32}
        return [gradient.asnumpy().ravel().tolist() for gradient in gradients]

    assert on_ranks(2, look) == [[[2.0, 4096.0], [2 + 2**-12], [2 + 2**-12]]] * 2


def test_words_spread_over_a_larger_vocabulary_stay_distinct_and_rising() -> None:
    batch = batch_of(MINE[0])
    for vocabulary in (NUM_WORDS, NUM_WORDS + 1, 10 * NUM_WORDS):
        ids_W = spread(batch._replace(word_ids_W=np.arange(NUM_WORDS)), NUM_WORDS, vocabulary).word_ids_W
        assert (np.diff(ids_W) > 0).all()
        assert ids_W[-1] < vocabulary
    with pytest.raises(UserError, match="30 words, more than 29"):
        spread(batch, small_index().vocab["word"].num_values, NUM_WORDS - 1)


def test_rows_of_the_benchmark_from_made_measurements(capsys: pytest.CaptureFixture[str]) -> None:
    exchange_s = {f"{kind} {v}": 0.002 for kind in ("sparse", "half", "dense") for v in (25_000, 400_000)}
    once = {
        "step_s": {"25000": 0.04, "400000": 0.042},
        "announce_s": 0.001,
        # Of 4,000 bytes for the parameters, and 10 words.
        "summed_bytes": 4_000 + 10 * 400,
        "announced_bytes": 80,
        "dense_bytes": {"25000": 4_000 + 10_000_000, "400000": 4_000 + 160_000_000},
        "exchange_s": {**exchange_s, "dense 400000": 0.3},
        "half_error": 1e-4,
    }
    rows = shown(exchange_results(median([once, once, {**once, "announce_s": 1.0}]), "2 ranks"))
    assert [row.ratio for row in rows[:2]] == pytest.approx([8_080 / 160_004_000, 4_080 / 160_000_000])
    assert [row.ratio for row in rows[2:5]] == pytest.approx([1.05, 1.5, 0.01])
    assert all(row.name.endswith("2 ranks") for row in rows)
    assert len(capsys.readouterr().out.splitlines()) == len(rows)
