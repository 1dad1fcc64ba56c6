"""The executor of one process."""

from __future__ import annotations

from ner_dist.engines.executor import Advance
from ner_dist.engines.one_process import OneProcess


def test_results_come_in_the_order_of_tasks() -> None:
    done: list[int] = []

    def double(task: int, advance: Advance) -> int:
        advance(task)
        return 2 * task

    assert OneProcess().run("doubling", double, [3, 1, 2], done.append) == [6, 2, 4]
    assert done == [3, 1, 2]
