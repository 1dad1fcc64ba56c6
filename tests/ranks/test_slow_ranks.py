"""Ranks that are slower than the others are named after minutes, and not again before some more."""

from __future__ import annotations

import platform

import pytest
from thread_comm import ThreadComm, on_ranks

from ner_dist.ranks.comm import Solo
from ner_dist.ranks.slow_ranks import SlowRanks


def named(seconds: dict[int, list[float]]) -> list[list[list[str]]]:
    """What each rank is told after each period of 100 steps of 0.3 s, of which it computed so many seconds itself."""

    def act(comm: ThreadComm) -> list[list[str]]:
        slow, told = SlowRanks(comm), []
        for own_s in seconds[comm.rank]:
            comm.waited_s += 1000
            slow.begin()
            for _ in range(100):
                comm.waited_s += 0.3 - own_s
                slow.add(0.3)
            told.append(slow.compare())
        return told

    return on_ranks(len(seconds), act)


def test_a_slow_rank_is_named_after_two_minutes_on_every_rank_and_again_ten_minutes_later() -> None:
    periods = 30
    told = named({0: [0.1] * periods, 1: [0.25] * periods, 2: [0.11] * periods})
    assert told[0] == told[1] == told[2]
    assert [number for number, sentences in enumerate(told[0]) if sentences] == [3, 23]
    (sentence,) = told[0][3]
    assert sentence.startswith(
        f"rank 1 on {platform.node()} is slow: 250.0 ms a step against 105.0 ms on the others, for 2 minutes"
    )


@pytest.mark.parametrize("own_s", [[0.14] * 10, [0.25, 0.25, 0.1] * 4])
def test_one_that_is_a_little_slower_or_slow_for_a_moment_is_not_named(own_s: list[float]) -> None:
    assert not any(sentences for told in named({0: [0.1] * len(own_s), 1: own_s}) for sentences in told)


def test_one_process_is_compared_with_nobody() -> None:
    slow = SlowRanks(Solo())
    slow.add(1)
    assert slow.compare() == []
