"""A rank that is bound to cores of its own, and lets them go if others compute there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ner_dist.ranks import core_binding
from ner_dist.ranks.core_binding import CoreUse, core_use, foreign_share, keep_bound

STAT = """cpu  1 2 3 4 5 6 7 8 9 10
cpu0 100 20 30 4000 5 600 700 50 9 10
cpu1 1 0 0 4000 0 0 0 0 0 0
intr 1 2
"""


def test_what_was_computed_on_the_cores_is_read_without_idle_time_and_interrupts(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    ticks = os.sysconf("SC_CLK_TCK")
    found = [core_use(cores, str(stat)) for cores in ([0], [0, 1])]
    assert [use.by_all_s * ticks for use in found if use] == pytest.approx([200, 201])
    # A core that is not listed, words instead of numbers, too few of them, nothing at all.
    assert core_use([0, 7], str(stat)) is None
    for text in (STAT.replace("100", "x"), "cpu0 1 2\n"):
        stat.write_text(text)
        assert core_use([0], str(stat)) is None
    assert core_use([0], str(tmp_path / "missing")) is None


@pytest.mark.parametrize(("by_all_s", "by_this_s", "expected"), [(4, 4, 0.0), (4, 3, 0.25), (2, 0, 0.5), (1, 1.1, 0.0)])
def test_the_rest_of_the_cores_time_is_others(by_all_s: float, by_this_s: float, expected: float) -> None:
    assert foreign_share(CoreUse(10, 5, 1), CoreUse(12, 5 + by_all_s, 1 + by_this_s), 2) == pytest.approx(expected)


def test_a_rank_lets_go_of_cores_that_others_use_and_takes_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[list[int]] = []
    waits_s: list[float] = []
    monkeypatch.setattr(core_binding, "_allow", lambda cores: allowed.append(list(cores)))
    # Alone; beside another that takes half of the core; alone again; then the system tells no more.
    found = [CoreUse(0, 0, 0), CoreUse(2, 2, 2), CoreUse(4, 4, 3), CoreUse(64, 60, 30), CoreUse(66, 62, 32), None]
    looks = iter(found)

    def look(cores: Sequence[int]) -> CoreUse | None:
        assert cores == [1]
        return next(looks)

    keep_bound([1], [0, 1], look, waits_s.append)
    assert allowed == [[0, 1], [1]]
    assert waits_s == [2, 2, 60, 2, 2]


def test_every_thread_of_the_process_is_allowed_the_cores() -> None:
    # In a process of its own: threads that were bound stay so.
    code = """
import os, signal, threading
from ner_dist.ranks import core_binding
cores = sorted(os.sched_getaffinity(0))
core_binding.bind(cores[:1], cores)
asleep = threading.Event()
threading.Thread(target=asleep.wait).start()
allowed = lambda: {tuple(sorted(os.sched_getaffinity(int(thread)))) for thread in os.listdir("/proc/self/task")}
assert allowed() == {(cores[0],)}, allowed()
core_binding._allow(cores)
assert allowed() == {tuple(cores)}, allowed()
assert {thread.name for thread in threading.enumerate()} >= {"cores"}
assert not signal.pthread_sigmask(signal.SIG_BLOCK, []), "the main thread takes signals as before"
asleep.set()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
