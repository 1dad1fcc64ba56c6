"""One writer for a run at an address, as far as a store can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ner_dist.run import lock_holder, run_lock, store_lock
from ner_dist.run.run_lock import RunLock, RunLocked
from ner_dist.run.store_lock import StoreLock
from ner_dist.stores.addresses import parse_address

ADDRESS = parse_address("s3://bucket/runs/mine")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the run's address."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setattr(store_lock, "_SETTLE_S", 0.01)
    monkeypatch.setattr(store_lock, "_POLL_S", 0.01)
    monkeypatch.setattr(run_lock, "_POLL_S", 0.01)
    folder = tmp_path / "store" / "s3" / "bucket" / "runs" / "mine"
    folder.mkdir(parents=True)
    return folder


def new_lock(machine: Path, said: list[str] | None = None) -> StoreLock:
    """machine: the folder of the run there."""
    return StoreLock(ADDRESS, RunLock(machine), ([] if said is None else said).append)


def holder(store: Path, **changes: Any) -> Path:
    path = store / "run.lock"
    path.write_text(json.dumps({**lock_holder.myself(), "token": "0" * 32, "beat": 1, **changes}))
    return path


def test_the_second_is_refused_by_name_until_the_first_lets_go(store: Path, tmp_path: Path) -> None:
    first, second = new_lock(tmp_path / "one"), new_lock(tmp_path / "two")
    first.acquire()
    with pytest.raises(RunLocked, match=r"s3://bucket/runs/mine: process \d+ on \S+ \(since .*\) is writing to this"):
        second.acquire()
    first.require_now()
    first.release()
    assert list(store.iterdir()) == []
    second.acquire()
    second.release()


def test_a_refusal_leaves_nothing_on_this_machine(store: Path, tmp_path: Path) -> None:
    holder(store)
    with pytest.raises(RunLocked):
        new_lock(tmp_path / "cache" / "run").acquire()
    assert not (tmp_path / "cache").exists()


def test_a_lock_of_a_dead_process_of_this_machine_is_taken_at_once(store: Path, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    holder(store, pid=ended.pid, started="1")
    said: list[str] = []
    lock = new_lock(tmp_path / "one", said)
    lock.acquire()
    assert len(said) == 1
    assert f"run.lock is left over from process {ended.pid} on " in said[0]
    lock.release()


def test_a_lock_from_elsewhere_is_refused_once_it_counts(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder(store, machine="another", host="elsewhere")
    said: list[str] = []
    monkeypatch.setattr(store_lock.time, "sleep", lambda _: holder(store, machine="another", host="elsewhere", beat=2))
    with pytest.raises(RunLocked, match="on elsewhere"):
        new_lock(tmp_path / "one", said).acquire()
    assert "waiting for up to 60 s to see whether that is still alive" in said[0]


def test_a_lock_from_elsewhere_is_taken_when_it_does_not_count(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock, "_STALE_S", 0.05)
    holder(store, machine="another")
    lock = new_lock(tmp_path / "one")
    lock.acquire()
    lock.require_now()
    lock.release()


def test_a_lock_from_elsewhere_that_is_old_by_the_stores_clock_is_taken_at_once(store: Path, tmp_path: Path) -> None:
    path = holder(store, machine="another")
    os.utime(path, (time.time() - 61, time.time() - 61))
    said: list[str] = []
    lock = new_lock(tmp_path / "one", said)
    lock.acquire()
    assert [sentence.partition(" is ")[2][:9] for sentence in said] == ["left over"]
    lock.release()
    assert list(store.iterdir()) == []


def test_a_rank_of_the_same_elastic_job_takes_over(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NER_JOB", "job-1")
    holder(store, machine="another", job="job-1")
    lock = new_lock(tmp_path / "one")
    lock.acquire()
    lock.release()


def test_of_two_that_begin_at_once_the_one_that_wrote_last_has_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other has seen no lock either, and writes while this one waits.
    monkeypatch.setattr(store_lock.time, "sleep", lambda _: holder(store))
    with pytest.raises(RunLocked):
        new_lock(tmp_path / "one").acquire()
    assert json.loads((store / "run.lock").read_text())["token"] == "0" * 32


def test_who_was_taken_over_notices_and_leaves_the_others_lock(store: Path, tmp_path: Path) -> None:
    lock = new_lock(tmp_path / "one")
    lock.acquire()
    path = holder(store, machine="another")
    lock.require()
    with pytest.raises(RunLocked, match="another process has taken over this run"):
        lock.require_now()
    with pytest.raises(RunLocked):
        lock.require()
    lock.release()
    assert path.exists()


def test_the_holder_counts_and_stops_when_it_is_taken_over(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock, "_BEAT_S", 0.01)
    lock = new_lock(tmp_path / "one")
    lock.acquire()
    until_s = time.monotonic() + 10
    while json.loads((store / "run.lock").read_text())["beat"] < 2 and time.monotonic() < until_s:
        time.sleep(0.01)
    holder(store, machine="another")
    while time.monotonic() < until_s:
        try:
            lock.require()
        except RunLocked:
            break
        time.sleep(0.01)
        # A heartbeat may have been on its way.
        holder(store, machine="another")
    assert json.loads((store / "run.lock").read_text())["machine"] == "another"
    lock.release()


def test_a_store_that_does_not_answer_at_the_end_delays_it_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = new_lock(tmp_path / "one")
    lock.acquire()
    answers = threading.Event()
    monkeypatch.setattr(store_lock, "_REMOVE_S", 0.01)
    monkeypatch.setattr(store_lock, "facts", lambda _: answers.wait(20))
    lock.release()
    # The lock of the folder is free.
    folder = RunLock(tmp_path / "one")
    folder.acquire()
    folder.release()
    answers.set()


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff" * 9])
def test_an_object_that_is_no_lock_is_one_of_an_unknown_process(
    store: Path, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock, "_STALE_S", 0.02)
    (store / "run.lock").write_bytes(content)
    said: list[str] = []
    lock = new_lock(tmp_path / "one", said)
    lock.acquire()
    assert "an unknown process" in said[0]
    lock.release()
