"""The watchdog: a rank that makes no progress ends itself, with its stacks in its log."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ner_dist.ranks.comm import Solo
from ner_dist.ranks.watchdog import Watchdog

ROOT = Path(__file__).resolve().parents[2]
# Long enough for the scheduler of a busy machine, short enough to wait for.
LIMIT_S = 1.0

HANG = """
import logging, sys, time
from pathlib import Path
from ner_dist.ranks.comm import Solo
from ner_dist.ranks.rank_process import log_to
from ner_dist.ranks.watchdog import Watchdog

log, waiting, idle_s, beats = Path(sys.argv[1]), sys.argv[2] == "waiting", float(sys.argv[3]), int(sys.argv[4])
log_to(log)
comm = Solo()

def hang_in_here():
    for _ in range(beats):
        time.sleep(0.25)
        watchdog.beat()
    comm.waiting = waiting
    time.sleep(idle_s)
    comm.waiting = False

with Watchdog(comm, LIMIT_S, log) as watchdog:
    hang_in_here()
print("survived")
""".replace("LIMIT_S", str(LIMIT_S))


def start(log: Path, state: str, idle_s: float, beats: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HANG, str(log), state, str(idle_s), str(beats)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_rank_that_hangs_ends_itself_and_one_that_waits_is_given_three_times_as_long(tmp_path: Path) -> None:
    # All at once, because they mostly sleep.
    processes = {
        "hangs": start(tmp_path / "hangs", "working", 60),
        "waits long": start(tmp_path / "waits long", "waiting", 60),
        # Beats for twice the limit, then waits for less than three times the limit.
        "works and waits": start(tmp_path / "works and waits", "waiting", 1.7 * LIMIT_S, beats=int(2 * LIMIT_S / 0.25)),
    }
    ended = {name: (process.communicate(timeout=50), process.returncode) for name, process in processes.items()}
    for name in ("hangs", "waits long"):
        (out, _), code = ended[name]
        assert (code, out) == (1, "")
        text = (tmp_path / name).read_text()
        assert "ERROR no progress for " in text
        assert "s; ending this rank" in text
        # Of the thread that hangs, with the function it hangs in.
        assert "in hang_in_here" in text
        assert text.count("hread 0x") >= 2
    assert ended["works and waits"] == (("survived\n", ""), 0)
    assert (tmp_path / "works and waits").read_text() == ""


def watching() -> bool:
    return any(thread.name == "watchdog" and thread.is_alive() for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _wait_for_the_threads_of_the_test_before() -> None:
    # Told to end, a thread may still be on its way when the machine is busy.
    for thread in threading.enumerate():
        if thread.name == "watchdog":
            thread.join(30)


def test_it_watches_until_its_context_ends(tmp_path: Path) -> None:
    assert not watching()
    with Watchdog(Solo(), 3600, tmp_path / "log"):
        assert watching()
    for thread in threading.enumerate():
        if thread.name == "watchdog":
            thread.join(30)
    assert not watching()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_inside_passes_through(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), Watchdog(Solo(), 3600, tmp_path / "log"):
        raise error


def test_0_seconds_never_watch(tmp_path: Path) -> None:
    with Watchdog(Solo(), 0, tmp_path / "log"):
        assert not watching()
