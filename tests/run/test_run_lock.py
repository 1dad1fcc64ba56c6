"""One writer on a run's directory, whatever becomes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import ROOT

from ner_dist.errors import UserError
from ner_dist.run import lock_holder, run_lock
from ner_dist.run.run_lock import RunLock, RunLocked


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "_POLL_S", 0.02)


def holder(run: Path, **changes: object) -> Path:
    """A lock that another process has left, with these fields changed."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / "run.lock"
    path.write_text(json.dumps({**lock_holder.myself(), "token": "0" * 32, **changes}))
    return path


def test_the_first_of_two_holds_it_and_the_second_is_refused_by_name(tmp_path: Path) -> None:
    first = RunLock(tmp_path / "run")
    first.acquire()
    with pytest.raises(
        RunLocked, match=rf"run: process {os.getpid()} on \S+ \(since .*\) is writing to this run; wait"
    ):
        RunLock(tmp_path / "run").acquire()
    first.require()
    first.release()
    second = RunLock(tmp_path / "run")
    second.acquire()
    second.release()


def test_what_was_made_for_the_lock_alone_goes_with_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "runs" / "mine")
    lock.acquire()
    lock.release()
    assert list(tmp_path.iterdir()) == []
    lock = RunLock(tmp_path / "runs" / "mine")
    lock.acquire()
    (tmp_path / "runs" / "mine" / "config.yaml").write_text("")
    lock.release()
    assert [path.name for path in (tmp_path / "runs" / "mine").iterdir()] == ["config.yaml"]


def test_a_lock_of_a_dead_process_of_this_machine_is_taken_at_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    holder(tmp_path, pid=ended.pid, started="1")
    said: list[str] = []
    lock = RunLock(tmp_path, said.append)
    lock.acquire()
    assert len(said) == 1
    assert f"left over from process {ended.pid} on " in said[0]
    lock.release()


def test_a_number_that_another_process_has_got_since_is_no_life_sign(tmp_path: Path) -> None:
    holder(tmp_path, pid=os.getpid(), started="1")
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.release()


def test_a_lock_from_elsewhere_is_refused_once_its_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = holder(tmp_path, machine="another", host="elsewhere")
    said: list[str] = []

    def beat(seconds: float) -> None:
        if said:
            os.utime(path)

    monkeypatch.setattr(run_lock.time, "sleep", beat)
    os.utime(path, (time.time() - 5, time.time() - 5))
    with pytest.raises(RunLocked, match="on elsewhere"):
        RunLock(tmp_path, said.append).acquire()
    assert "waiting to see whether that is still alive" in said[0]


def test_a_lock_from_elsewhere_without_a_heartbeat_is_taken(tmp_path: Path) -> None:
    path = holder(tmp_path, machine="another", host="elsewhere")
    os.utime(path, (time.time() - 61, time.time() - 61))
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.require()
    lock.release()


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b'{"token": "../../evil", "pid": "\\u001b[2J"}', b"\xff" * 9999]
)
def test_a_file_that_is_no_lock_is_one_of_an_unknown_process(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "run.lock"
    path.write_bytes(content)
    os.utime(path, (time.time() - 61, time.time() - 61))
    said: list[str] = []
    lock = RunLock(tmp_path / "run", said.append)
    lock.acquire()
    lock.release()
    assert "\x1b" not in "".join(said)
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_who_was_taken_over_while_it_was_stopped_notices(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    holder(tmp_path, machine="another")
    with pytest.raises(RunLocked, match="another process has taken over this run"):
        first.require()
    first.release()
    assert (tmp_path / "run.lock").exists()
    os.utime(tmp_path / "run.lock", (0, 0))
    second.acquire()
    second.release()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"run: the run's directory cannot be written \(Not a directory\); choose"):
        RunLock(tmp_path / "file" / "run").acquire()


# Takes the lock again and again; while it holds it, it alone may write to the file. Some end without releasing it.
RACER = """
import os, pathlib, sys, time
from ner_dist.run.run_lock import RunLock, RunLocked
run, name, rounds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for i in range(rounds):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        continue
    lock = RunLock(run)
    try:
        lock.acquire()
    except RunLocked:
        os._exit(0)
    for part in range(2):
        (run / "written").open("a").write(name)
        time.sleep(0.0005)
    (run / "written").open("a").write("\\n")
    if i % 3:
        lock.release()
    os._exit(0)
"""


def race(run: Path, rounds: int) -> list[str]:
    """What two processes, each of which starts a writer this often, have written in turns."""
    run.mkdir()
    words = [sys.executable, "-c", RACER, str(run)]
    writers = [subprocess.Popen([*words, name, str(rounds)], cwd=ROOT) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    return (run / "written").read_text().splitlines()


def test_two_writers_never_write_at_the_same_time(tmp_path: Path) -> None:
    lines = race(tmp_path / "run", 60)
    assert set(lines) == {"aa", "bb"}
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name not in ("written", "run.lock")] == []


@pytest.mark.faults
def test_two_writers_never_write_at_the_same_time_in_1000_races(tmp_path: Path) -> None:
    lines = race(tmp_path / "run", 1000)
    assert set(lines) == {"aa", "bb"}


def test_a_stopped_process_of_this_machine_still_holds_it(tmp_path: Path) -> None:
    code = "import sys, time, pathlib; from ner_dist.run.run_lock import RunLock; RunLock(pathlib.Path(sys.argv[1]))"
    words = [sys.executable, "-c", f"{code}.acquire(); print('held', flush=True); time.sleep(60)", str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.send_signal(signal.SIGSTOP)
        with pytest.raises(RunLocked):
            RunLock(tmp_path).acquire()
        other.kill()
    RunLock(tmp_path).acquire()


def test_a_lock_that_cannot_be_removed_does_not_hide_why_training_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = RunLock(tmp_path / "run")
    lock.acquire()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    lock.release()
