"""The forecast of larger jobs, against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.speed.forecast import (
    Connection,
    MeasuredRank,
    TrainingSplit,
    distinct_words,
    forecast_ranks,
    forecast_table,
    ring_allgather_s,
    ring_allreduce_s,
    training_split,
)
from ner_dist.contract.shard_format import read_index

NETWORK = Connection(1e9, 1e-4)


def test_distinct_words_of_independent_tokens() -> None:
    halves = np.array([0.5, 0.5, 0.0])
    assert [distinct_words(halves, n) for n in (0, 1, 2, 3)] == pytest.approx([0, 1, 1.5, 1.75])
    assert distinct_words(np.array([1.0]), 5) == 1
    # 1 - 0.9^2 + 1 - 0.1^2
    assert distinct_words(np.array([0.1, 0.9]), 2) == pytest.approx(1.18)
    # Rare words: nearly every token is another.
    assert distinct_words(np.full(10**6, 1e-6), 100) == pytest.approx(100, rel=1e-4)


def test_rings() -> None:
    # 4 ranks: 6 turns of 2 MB at 1 GB/s and 0.1 ms.
    assert ring_allreduce_s(8e6, 4, NETWORK) == pytest.approx(0.012 + 0.0006)
    # 3 turns of 1 MB.
    assert ring_allgather_s(1e6, 4, NETWORK) == pytest.approx(0.003 + 0.0003)
    assert ring_allreduce_s(8e6, 1, NETWORK) == ring_allgather_s(8e6, 1, NETWORK) == 0


def test_one_rank_alone_loses_nothing() -> None:
    what = TrainingSplit(np.array([10, 5]), 150, np.array([0.5, 0.5]))
    found = forecast_ranks(what, MeasuredRank(2, 0.02, 1000, 10, 1e-3), NETWORK, 1)
    assert (found.num_steps, found.exchange_s, found.words_s, found.step_s) == (8, 0, 0, 0.02)
    assert found.epoch_s == pytest.approx(0.16)
    assert found.efficiency == pytest.approx(1)


def test_an_epoch_worked_out_by_hand() -> None:
    # Steps of 2 x 2 sentences: 3 of the first bucket and 2 of the second; 2 tokens each, of one rank 1.
    what = TrainingSplit(np.array([10, 5]), 10, np.array([0.5, 0.5]))
    found = forecast_ranks(what, MeasuredRank(2, 0.02, 250_000, 1_000_000, 1e-3), NETWORK, 2)
    assert found.num_steps == 5
    assert found.words == pytest.approx(1.5)
    assert found.exchanged_bytes == pytest.approx(4 * (250_000 + 1.5e6))
    # 2 turns of 3.5 MB, and 1 / 16 of a turn of 16 steps' ids of 8 bytes, 1 a step.
    exchange_s = 0.007 + 2e-4 + (16 * 8 / 1e9 + 1e-4) / 16
    assert found.exchange_s == pytest.approx(exchange_s)
    # Half a word more than its own.
    assert found.words_s == pytest.approx(0.5e-3)
    assert found.step_s == pytest.approx(0.0205 + exchange_s)
    assert found.epoch_s == pytest.approx(5 * found.step_s)
    # One rank alone makes 5 + 3 steps of 20 ms.
    assert found.efficiency == pytest.approx(0.16 / (2 * found.epoch_s))
    assert found.tokens_per_s == pytest.approx(10 / found.epoch_s)


def test_slower_networks_and_more_ranks_are_less_efficient() -> None:
    what = TrainingSplit(np.full(4, 10**6), 6e7, np.full(1000, 1e-3))
    rank = MeasuredRank(32, 0.02, 10**6, 100, 1e-6)
    by_ranks = [forecast_ranks(what, rank, NETWORK, n).efficiency for n in (1, 8, 64, 512)]
    assert by_ranks == sorted(by_ranks, reverse=True)
    slower = Connection(NETWORK.bytes_per_s / 10, NETWORK.latency_s)
    assert forecast_ranks(what, rank, slower, 8).efficiency < by_ranks[1]


def test_a_larger_corpus_of_the_same_kind(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    small, large = training_split(str(synth_shards), index), training_split(str(synth_shards), index, 3200)
    assert small.rows_B.sum() == 320
    assert large.rows_B.sum() == pytest.approx(3200)
    assert large.num_tokens == pytest.approx(10 * index.num_tokens("train"))
    np.testing.assert_array_equal(large.share_V, small.share_V)
    assert small.share_V.sum() == pytest.approx(1)
    rank = MeasuredRank(2, 0.02, 1000, 10, 1e-6)
    lines = forecast_table([forecast_ranks(large, rank, NETWORK, n) for n in (1, 8)]).split("\n")
    assert len(lines) == 3
    assert {len(line) for line in lines} == {len(lines[0])}
