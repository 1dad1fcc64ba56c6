"""Work on threads: the same results in the same order, and one failure ends all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from data_prep.threads import StoppedError, ahead, side_by_side
from ner_dist.engines import core_share


def test_items_made_ahead_come_in_order_and_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_share._Share, "num_cores", 2)
    made = []

    def items() -> Iterator[int]:
        for item in range(5):
            made.append(item)
            yield item

    for item in ahead(items()):
        assert len(made) <= item + 2
    assert made == list(range(5))


def test_a_failure_of_what_is_made_ahead_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    found = []
    with pytest.raises(OSError, match="no more"):
        found.extend(ahead(items()))
    assert found == [] or found == [1]


def test_with_one_core_nothing_is_made_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_share._Share, "num_cores", 1)
    made_by = list(ahead(threading.get_ident() for _ in range(4)))
    assert made_by == [threading.get_ident()] * 4


def test_results_come_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def work(item: int, go_on: Callable[[], None]) -> int:
        # The first one ends last.
        assert later.wait(60) if item == 0 else True
        later.set()
        return item * item

    assert side_by_side(work, range(2)) == [0, 1]


def test_one_failure_stops_the_work_on_the_other_items() -> None:
    stopped = threading.Event()

    def work(item: int, go_on: Callable[[], None]) -> None:
        if item == 1:
            raise OSError("the disk is full")
        try:
            while not stopped.wait(0.001):
                go_on()
        except StoppedError:
            stopped.set()
            raise

    with pytest.raises(OSError, match="the disk is full"):
        side_by_side(work, range(2))
    assert stopped.is_set()
