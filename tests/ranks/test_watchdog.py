"""The watchdog: a rank that makes no progress ends itself, with its stacks in its log."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ner_dist.ranks import last_words
from ner_dist.ranks.board import Sign
from ner_dist.ranks.comm import Solo
from ner_dist.ranks.pulse import Silence
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
print("started", flush=True)
comm = Solo()

def hang_in_here():
    for _ in range(beats):
        time.sleep(0.25)
        watchdog.beat()
    comm.waiting = waiting
    time.sleep(idle_s)
    comm.waiting = False

with Watchdog(comm, LIMIT_S) as watchdog, watchdog.demanding_progress(log):
    hang_in_here()
print("survived")
""".replace("LIMIT_S", str(LIMIT_S))


def start(log: Path, state: str, idle_s: float, beats: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HANG, str(log), state, str(idle_s), str(beats)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pause(process: subprocess.Popen[str], seconds: float) -> None:
    """Stop it as Ctrl-Z or a batch system does, once it has started, and let it go on."""
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def test_a_rank_that_hangs_ends_itself_and_one_that_waits_is_given_three_times_as_long(tmp_path: Path) -> None:
    # All at once, because they mostly sleep.
    processes = {
        "hangs": start(tmp_path / "hangs", "working", 60),
        "waits long": start(tmp_path / "waits long", "waiting", 60),
        # Beats for twice the limit, then waits for less than three times the limit.
        "works and waits": start(tmp_path / "works and waits", "waiting", 1.7 * LIMIT_S, beats=int(2 * LIMIT_S / 0.25)),
        # Idle for less than the limit, but for much longer by a clock.
        "is paused": start(tmp_path / "is paused", "working", 0.5 * LIMIT_S),
    }
    pause(processes["is paused"], 2 * LIMIT_S)
    ended = {name: (process.communicate(timeout=50), process.returncode) for name, process in processes.items()}
    for name in ("hangs", "waits long"):
        (out, _), code = ended[name]
        assert (code, out) == (1, "started\n")
        text = (tmp_path / name).read_text()
        assert "ERROR no progress for " in text
        assert "s; ending this rank" in text
        # Of the thread that hangs, with the function it hangs in.
        assert "in hang_in_here" in text
        assert text.count("hread 0x") >= 2
    for name in ("works and waits", "is paused"):
        assert ended[name][0][0].endswith("survived\n"), name
        assert ended[name][1] == 0
        assert (tmp_path / name).read_text() == ""


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
    with Watchdog(Solo(), 3600):
        assert watching()
    for thread in threading.enumerate():
        if thread.name == "watchdog":
            thread.join(30)
    assert not watching()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_inside_passes_through(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), Watchdog(Solo(), 3600):
        raise error


def test_0_seconds_never_watch(tmp_path: Path) -> None:
    with Watchdog(Solo(), 0):
        assert not watching()


@pytest.mark.parametrize("silent", [True, False])
def test_a_rank_that_waits_in_vain_blames_the_one_that_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    sign = Sign(1, "host-1", 101, "", 7, 0, False, False)
    ends: list[tuple[str, Sign | None]] = []
    monkeypatch.setattr(last_words, "end", lambda board, sentence, connections, of: ends.append((sentence, of)))
    dog = Watchdog(Solo(), 10)
    monkeypatch.setattr(dog, "_pulse", SimpleNamespace(connections=None))
    with dog.demanding_progress(tmp_path / "log"):
        dog._end(30.5, True, Silence(sign, 28) if silent else None)
    ((sentence, of),) = ends
    if silent:
        assert of == sign
        assert sentence.startswith("silent while others waited for it for 30 s, 3 times train.hang_seconds; the proc")
    else:
        assert of is None
        assert sentence.startswith("no progress for 30 s waiting for other ranks, none of which is silent (train.hang")
    assert "hread 0x" in (tmp_path / "log").read_text()


def test_a_rank_that_goes_on_while_the_others_are_listened_to_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comm, listened = Solo(), threading.Event()
    comm.waiting = True
    with Watchdog(comm, 0.02) as dog, dog.demanding_progress(tmp_path / "log"):

        def find_silent() -> list[Silence]:
            dog.beat()
            comm.waiting = False
            dog._done.set()
            listened.set()
            return []

        monkeypatch.setattr(dog._pulse, "find_silent", find_silent)
        monkeypatch.setattr(dog, "_end", lambda *_: pytest.fail("ended"))
        assert listened.wait(30)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(("waiting", "silent"), [(True, True), (True, False), (False, False)])
def test_outside_of_training_only_a_wait_for_a_silent_rank_counts(
    monkeypatch: pytest.MonkeyPatch, waiting: bool, silent: bool
) -> None:
    sign = Sign(1, "host-1", 101, "", 0, 0, False, False)
    comm, listened, ended = Solo(), threading.Semaphore(0), threading.Event()
    comm.waiting = waiting
    dog = Watchdog(comm, 0.02)

    def find_silent() -> list[Silence]:
        listened.release()
        return [Silence(sign, 28)] if silent else []

    monkeypatch.setattr(dog._pulse, "find_silent", find_silent)
    monkeypatch.setattr(dog, "_end", lambda *_: ended.set())
    with dog:
        if not waiting:
            time.sleep(0.2)
        else:
            # Twice: it has to go on after the first time.
            assert listened.acquire(timeout=30)
            assert listened.acquire(timeout=30)
    assert ended.is_set() == silent
