"""Checkpoints behind the training path: which is due, what is kept, and what is used if one is damaged.

What a checkpoint consists of is the business of test_checkpoint.py; here it is a directory with a number in it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ner_dist.atomic_file import whole_directory
from ner_dist.run import checkpoint, saver
from ner_dist.run.checkpoint import CheckpointError
from ner_dist.run.run_lock import RunLock, RunLocked
from ner_dist.run.saver import Saver, newest_sound


def save(place: Path, number: Any, vocab_files: dict[str, bytes]) -> None:
    if number == "full disk":
        raise CheckpointError("no room")
    with whole_directory(place) as partial:
        (partial / "number").write_text(str(number))


def load(place: Path) -> Any:
    number = (place / "number").read_text()
    if number == "damaged":
        raise CheckpointError(f"{place} is damaged")
    return int(number)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(checkpoint, "load", load)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def new_saver(run: Path, earlier: int = 1, steps: int = 0, minutes: float = 0) -> Saver:
    lock = RunLock(run)
    lock.acquire()
    return Saver(run / "checkpoints", {}, lock, earlier, steps, minutes)


def kept(run: Path) -> dict[str, str]:
    return {place.name: (place / "number").read_text() for place in sorted((run / "checkpoints").iterdir())}


def test_the_last_and_earlier_ones_are_kept_and_the_best(run: Path) -> None:
    writer = new_saver(run, earlier=2)
    for number in range(1, 6):
        writer.save(number, best=number == 3)  # type: ignore[arg-type]
    writer.wait()
    assert kept(run) == {"best": "3", "last": "5", "last-1": "4", "last-2": "3"}
    # Fewer from now on.
    (run / "run.lock").unlink()
    writer = new_saver(run, earlier=1)
    writer.save(6)  # type: ignore[arg-type]
    writer.wait()
    assert kept(run) == {"best": "3", "last": "6", "last-1": "5"}
    (run / "run.lock").unlink()
    writer = new_saver(run, earlier=0)
    writer.save(7)  # type: ignore[arg-type]
    writer.wait()
    assert kept(run) == {"best": "3", "last": "7"}


def test_nobody_waits_for_the_disk_but_the_next_checkpoint(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_write = threading.Event()

    def slow(*arguments: Any) -> None:
        assert may_write.wait(20)
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save", slow)
    writer = new_saver(run, minutes=1e-9)
    writer.save(1)  # type: ignore[arg-type]
    # Late already, but the one before is still being written.
    assert not writer.is_due(1)
    may_write.set()
    writer.wait()
    assert writer.is_due(1)
    assert kept(run) == {"last": "1"}


def test_one_is_due_after_steps_or_minutes_or_never(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(saver.time, "monotonic", lambda: now_s)
    by_steps = new_saver(run, steps=4)
    assert [step for step in range(1, 13) if by_steps.is_due(step)] == [4, 8, 12]
    (run / "run.lock").unlink()
    by_time = new_saver(run, minutes=5)
    assert not by_time.is_due(1)
    now_s += 299
    assert not by_time.is_due(2)
    now_s += 1
    assert by_time.is_due(3)
    by_time.save(3)  # type: ignore[arg-type]
    by_time.wait()
    assert not by_time.is_due(4)
    now_s += 300
    assert by_time.is_due(5)
    (run / "run.lock").unlink()
    never = new_saver(run)
    assert not any(never.is_due(step) for step in range(1, 100))


def test_what_could_not_be_saved_shows_and_is_raised(run: Path) -> None:
    writer = new_saver(run)
    writer.save(1)  # type: ignore[arg-type]
    writer.save("full disk")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="no room"):
        writer.wait()
    assert writer.has_failed
    assert kept(run)["last"] == "1"


def test_nothing_is_written_once_another_process_has_taken_over(run: Path) -> None:
    writer = new_saver(run)
    writer.save(1)  # type: ignore[arg-type]
    writer.wait()
    (run / "run.lock").write_text('{"token": "another"}')
    writer.save(2)  # type: ignore[arg-type]
    with pytest.raises(RunLocked, match="has taken over"):
        writer.wait()
    assert kept(run) == {"last": "1"}


def test_if_the_last_one_is_damaged_the_one_before_is_used(run: Path) -> None:
    places = run / "checkpoints"
    assert newest_sound(places) is None
    for number, place in enumerate(["last-10", "last-2", "last-1", "last"]):
        save(places / place, number, {})
    assert newest_sound(places) == (3, places / "last", [])
    save(places / "last", "damaged", {})
    save(places / "last-1", "damaged", {})
    found, place, damaged = newest_sound(places)  # type: ignore[misc]
    assert (found, place) == (1, places / "last-2")
    assert [str(error) for error in damaged] == [f"{places}/last is damaged", f"{places}/last-1 is damaged"]
    for place in ("last-2", "last-10"):
        save(places / place, "damaged", {})
    with pytest.raises(CheckpointError, match="last is damaged"):
        newest_sound(places)
