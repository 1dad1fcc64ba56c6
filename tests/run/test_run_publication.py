"""A run in a store: what is uploaded, what readers find at any moment, and what another machine goes on from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.run import run_publication
from ner_dist.run.run_lock import RunLocked
from ner_dist.run.run_publication import RunPublication
from ner_dist.run.run_snapshot import take_snapshot
from ner_dist.stores.addresses import StoreError, parse_address
from ner_dist.stores.published import PublishedFolder, published

ADDRESS = parse_address("s3://bucket/runs/mine")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the run's address."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "store" / "s3" / "bucket" / "runs" / "mine"


class Machine:
    """Where a run is written, as training leaves it."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "mine"
        self.publication = RunPublication(ADDRESS, self.run, lambda: None)
        self._num_snapshots = 0

    def save(self, number: int, best: bool = False) -> None:
        """A checkpoint with a number, and a line of metrics."""
        checkpoints = self.run / "checkpoints"
        checkpoints.mkdir(parents=True, exist_ok=True)
        (self.run / "config.yaml").write_text("knobs\n")
        vectors = checkpoints / "vectors.npy"
        if not vectors.exists():
            vectors.write_text("large")
        for name in ("last", *(["best"] if best else [])):
            place = checkpoints / name
            place.mkdir(exist_ok=True)
            for path in place.iterdir():
                path.unlink()
            (place / "arrays.npz").write_text(f"arrays {number}")
            os.link(vectors, place / "vectors.npy")
        with open(self.run / "metrics.jsonl", "a") as file:
            file.write(f"{number}\n")

    def publish(self) -> None:
        folder = self.run.parent / "snapshot"
        take_snapshot(self.run, folder)
        self.publication.publish(folder)

    def files(self) -> dict[str, str]:
        return {
            path.relative_to(self.run).as_posix(): path.read_text() for path in self.run.rglob("*") if path.is_file()
        }


def begun(folder: Path) -> Machine:
    machine = Machine(folder)
    machine.publication.bring(False)
    return machine


def uploaded(store: Path) -> list[str]:
    """What has been uploaded, without the times in its names."""
    return sorted("/".join(path.relative_to(store).parts[1:]) for path in store.rglob("*/*") if path.is_file())


def test_another_machine_gets_what_was_published_last(tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1, best=True)
    one.publish()
    one.save(2)
    one.publish()
    # Saved, but not published.
    expected = one.files()
    one.save(3)
    two = Machine(tmp_path / "two")
    two.publication.bring(True)
    assert two.files() == expected
    assert two.files()["checkpoints/last/arrays.npz"] == "arrays 2"
    assert two.files()["checkpoints/best/arrays.npz"] == "arrays 1"


def test_the_machine_that_was_ahead_of_the_store_goes_on_from_its_own_files(tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    one.publish()
    one.save(2)
    again = Machine(tmp_path / "one")
    again.publication.bring(True)
    assert again.files()["checkpoints/last/arrays.npz"] == "arrays 2"


def test_files_that_another_machine_has_gone_beyond_are_replaced(tmp_path: Path) -> None:
    one, two = begun(tmp_path / "one"), Machine(tmp_path / "two")
    one.save(1)
    one.publish()
    two.publication.bring(True)
    two.save(5)
    two.publish()
    one.save(2)
    (one.run / "stray").write_text("")
    again = Machine(tmp_path / "one")
    again.publication.bring(True)
    assert again.files() == two.files()


def test_what_has_not_changed_is_uploaded_once(store: Path, tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1, best=True)
    one.publish()
    # The arrays of last are those of best, and the vectors are the same everywhere.
    first = ["checkpoints/best/arrays.npz", "checkpoints/best/vectors.npy", "config.yaml", "metrics.jsonl"]
    assert uploaded(store) == [*first, "published.json"]
    one.save(2)
    one.publish()
    found = uploaded(store)
    assert found == sorted([*first, *["published.json"] * 2, "checkpoints/last/arrays.npz", "metrics.jsonl"])


def test_a_resumed_run_does_not_upload_again_what_is_there(store: Path, tmp_path: Path) -> None:
    one, two = begun(tmp_path / "one"), Machine(tmp_path / "two")
    one.save(1, best=True)
    one.publish()
    two.publication.bring(True)
    two.publish()
    assert uploaded(store).count("checkpoints/best/vectors.npy") == 1
    found = published(ADDRESS)
    assert found is not None
    assert {name for name, file in found.files.items() if file.at is None} == set()


def test_publications_before_the_last_two_give_way(store: Path, tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    for number in range(5):
        one.save(number)
        one.publish()
    arrays = sorted(path.read_text() for path in store.rglob("checkpoints/last/arrays.npz"))
    assert arrays == ["arrays 3", "arrays 4"]
    assert len(list(store.rglob("vectors.npy"))) == 1
    again = Machine(tmp_path / "two")
    again.publication.bring(True)
    assert again.files() == one.files()


def test_a_publication_that_fails_changes_nothing(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    one.publish()
    expected = one.files()
    one.save(2)

    def refuse(path: Path, address: object) -> None:
        raise StoreError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(run_publication, "upload", refuse)
        with pytest.raises(StoreError, match="no answer"):
            one.publish()
    two = Machine(tmp_path / "two")
    two.publication.bring(True)
    assert two.files() == expected
    one.publish()
    two.publication.bring(True)
    assert two.files() == one.files()


def test_an_answer_that_was_lost_is_no_other_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    write_pointer = run_publication.write_pointer

    def lose(*arguments: object) -> None:
        write_pointer(*arguments)  # type: ignore[arg-type]
        raise StoreError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(run_publication, "write_pointer", lose)
        with pytest.raises(StoreError):
            one.publish()
    one.save(2)
    one.publish()
    two = Machine(tmp_path / "two")
    two.publication.bring(True)
    assert two.files() == one.files()


@pytest.mark.parametrize("is_there", [True, False])
def test_who_was_killed_while_publishing_goes_on_from_its_own_files(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    one.publish()
    one.save(2)
    write_pointer = run_publication.write_pointer

    def die(*arguments: object) -> None:
        if is_there:
            write_pointer(*arguments)  # type: ignore[arg-type]
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(run_publication, "write_pointer", die)
        with pytest.raises(SystemExit):
            one.publish()
    one.save(3)
    again = Machine(tmp_path / "one")
    again.publication.bring(True)
    assert again.files()["checkpoints/last/arrays.npz"] == "arrays 3"
    assert again.files()["metrics.jsonl"] == "1\n2\n3\n"


def found_by_readers() -> PublishedFolder:
    found = published(ADDRESS)
    assert found is not None
    return found


def test_a_changed_file_is_published_and_changed_here_too(tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    one.publish()
    # Saved, but not published.
    one.save(2)
    Machine(tmp_path / "one").publication.change(found_by_readers(), "calibration.json", "1.5")
    two = Machine(tmp_path / "two")
    two.publication.bring(True)
    assert (two.files()["calibration.json"], two.files()["metrics.jsonl"]) == ("1.5", "1\n")
    again = Machine(tmp_path / "one")
    again.publication.bring(True)
    assert (again.files()["calibration.json"], again.files()["metrics.jsonl"]) == ("1.5", "1\n2\n")
    again.publish()
    two.publication.bring(True)
    assert two.files() == again.files()
    two.publication.change(found_by_readers(), "calibration.json", None)
    assert "calibration.json" not in two.files()
    assert "calibration.json" not in found_by_readers().files


def test_who_finds_that_another_has_published_publishes_nothing(tmp_path: Path) -> None:
    one, two = begun(tmp_path / "one"), Machine(tmp_path / "two")
    one.save(1)
    one.publish()
    two.publication.bring(True)
    two.save(2)
    two.publish()
    one.save(3)
    with pytest.raises(RunLocked, match=r"s3://bucket/runs/mine: another process has published this run meanwhile"):
        one.publish()


def test_a_new_run_is_not_begun_where_one_is(store: Path, tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    one.publish()
    with pytest.raises(UserError, match=r"s3://bucket/runs/mine already holds a run; continue it with --train.resume"):
        begun(tmp_path / "two")


def test_what_a_run_has_left_here_that_was_never_published_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    begun(tmp_path / "one").save(1)
    assert begun(tmp_path / "one").files() == {}


def test_what_a_run_has_left_here_that_was_never_published_is_continued(tmp_path: Path) -> None:
    begun(tmp_path / "one").save(1)
    again = Machine(tmp_path / "one")
    again.publication.bring(True)
    assert again.files()["checkpoints/last/arrays.npz"] == "arrays 1"


def test_a_run_that_somebody_has_copied_there_is_continued(store: Path, tmp_path: Path) -> None:
    (store / "checkpoints" / "last").mkdir(parents=True)
    (store / "config.yaml").write_text("knobs\n")
    (store / "checkpoints" / "last" / "arrays.npz").write_text("arrays 7")
    (store / "run.lock").write_text("{}")
    one = Machine(tmp_path / "one")
    one.publication.bring(True)
    assert one.files() == {"config.yaml": "knobs\n", "checkpoints/last/arrays.npz": "arrays 7"}
    one.save(8)
    one.publish()
    two = Machine(tmp_path / "two")
    two.publication.bring(True)
    assert two.files() == one.files()


def test_the_lock_alone_is_no_run(store: Path, tmp_path: Path) -> None:
    store.mkdir(parents=True)
    (store / "run.lock").write_text("{}")
    assert begun(tmp_path / "one").files() == {}


def test_files_that_are_being_written_are_not_part_of_it(tmp_path: Path) -> None:
    one = begun(tmp_path / "one")
    one.save(1)
    (one.run / ".result.json-host-1.2-0a1b2c3d.partial").write_text("half")
    (one.run / "checkpoints" / ".last.previous").mkdir()
    (one.run / "checkpoints" / ".last.previous" / "arrays.npz").write_text("old")
    take_snapshot(one.run, tmp_path / "snapshot")
    names = {path.relative_to(tmp_path / "snapshot").as_posix() for path in (tmp_path / "snapshot").rglob("*")}
    assert names == {
        *("checkpoints", "checkpoints/last", "checkpoints/last/arrays.npz", "checkpoints/last/vectors.npy"),
        *("checkpoints/vectors.npy", "config.yaml", "metrics.jsonl"),
    }
