"""Publishing behind the training path: who waits for what, and what happens when a store does not answer."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ner_dist.errors import UserError
from ner_dist.run import publisher as publisher_module
from ner_dist.run.publisher import Publisher
from ner_dist.run.run_lock import RunLocked
from ner_dist.run.run_publication import RunPublication
from ner_dist.stores.addresses import StoreError


class Store:
    """Stands for a publication: keeps what number was published, once it may."""

    address = "s3://bucket/run"

    def __init__(self) -> None:
        self.published: list[str] = []
        self.may_answer = threading.Event()
        self.errors: list[Exception] = []

    def publish(self, folder: Path) -> None:
        number = (folder / "number").read_text()
        assert self.may_answer.wait(20)
        if self.errors:
            raise self.errors.pop(0)
        self.published.append(number)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def save(run: Path, number: int) -> None:
    (run / "number").write_text(str(number))


def new_publisher(run: Path, store: Store, said: list[str] | None = None) -> Publisher:
    return Publisher(run, cast(RunPublication, store), ([] if said is None else said).append)


def test_nobody_waits_for_the_store_and_only_the_newest_is_published_next(run: Path, store: Store) -> None:
    publisher = new_publisher(run, store)
    for number in range(1, 5):
        save(run, number)
        publisher.take()
    assert not publisher.wait(0.01)
    beats: list[None] = []
    threading.Timer(0.05, store.may_answer.set).start()
    assert publisher.wait(beat=lambda: beats.append(None))
    # Whichever it had begun with, and none between that and the newest.
    first, newest = store.published
    assert (first < newest, newest) == (True, "4")
    assert beats
    assert [path.name for path in run.parent.iterdir()] == ["mine"]
    save(run, 5)
    publisher.take()
    assert publisher.wait()
    assert store.published[-1] == "5"


def test_a_failure_is_said_once_and_forgotten_with_the_next_success(run: Path, store: Store) -> None:
    store.may_answer.set()
    store.errors += [StoreError("no answer"), StoreError("no answer"), KeyError("a bug")]
    said: list[str] = []
    publisher = new_publisher(run, store, said)
    for number in range(3):
        save(run, number)
        publisher.take()
        with pytest.raises(StoreError):
            publisher.wait()
    publisher.take()
    publisher.wait()
    assert said == [
        "no answer; training goes on, and it is tried again with the next checkpoint",
        "s3://bucket/run can be published again",
    ]
    assert store.published == ["2"]


def test_a_run_that_another_process_has_taken_over_is_an_error(run: Path, store: Store) -> None:
    store.may_answer.set()
    store.errors.append(RunLocked("another process"))
    publisher = new_publisher(run, store)
    save(run, 1)
    publisher.take()
    with pytest.raises(RunLocked):
        publisher.wait()
    # So the checkpoint after it fails, which ends the run.
    with pytest.raises(RunLocked):
        publisher.take()


def test_what_cannot_be_copied_for_publishing_is_one_sentence_and_leaves_no_part(
    run: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(run: Path, into: Path) -> None:
        into.mkdir()
        (into / "number").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publisher_module, "take_snapshot", fill_the_disk)
    with pytest.raises(UserError, match=r"^s3://bucket/run: what is to be published could not be copied in .*No space"):
        new_publisher(run, store).take()
    assert [path.name for path in run.parent.iterdir()] == ["mine"]


def test_a_stop_says_whether_all_that_is_saved_is_published() -> None:
    from ner_dist.training.training_run import Run

    def where_saved(answer: Any) -> str:
        def wait(seconds: float) -> bool:
            assert seconds == 18
            if isinstance(answer, Exception):
                raise answer
            return bool(answer)

        config = SimpleNamespace(train=SimpleNamespace(grace_seconds=30.0))
        run = SimpleNamespace(saver=None, config=config, writer=SimpleNamespace(wait=wait))
        return Run._where_saved(cast(Run, run))

    assert where_saved(True) == ""
    late = " on this machine, but there was no time to publish the last of them (--train.grace_seconds), so another one"
    assert where_saved(False).startswith(late)
    assert where_saved(StoreError("no answer")).startswith(
        " on this machine, but no answer, so another one would go on"
    )
