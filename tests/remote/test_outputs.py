"""What is written for an address is there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.problems import CorpusError
from data_prep.remote import outputs
from data_prep.remote.outputs import published_directory, sent_file
from data_prep.staging import OutputError, check_names
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.local_copies import by_address

SHARDS = Address("s3", "b", "sets/one")


def publish_set(text: str) -> None:
    with published_directory(SHARDS, "index.json", check_names) as directory:
        directory.mkdir()
        (directory / "train-00000.parquet").write_text(text)
        (directory / "index.json").write_text(text)


def contents(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.rglob("*") if path.name == "index.json")


def test_a_file_is_sent_when_it_is_complete(store: Path) -> None:
    with sent_file("s3://b/out/x.conll") as path:
        Path(path).write_text("whole")
        assert by_address(path) == "s3://b/out/x.conll"
        assert not (store / "out/x.conll").exists()
    assert (store / "out/x.conll").read_text() == "whole"


@pytest.mark.parametrize(("error", "is_sent"), [(CorpusError, True), (OutputError, False), (KeyboardInterrupt, False)])
def test_a_list_of_findings_is_sent_also_of_a_corpus_that_is_refused(
    store: Path, error: type[BaseException], is_sent: bool
) -> None:
    def fail() -> None:
        with sent_file("s3://b/list.jsonl") as path:
            Path(path).write_text("whole")
            raise error

    with pytest.raises(error):
        fail()
    assert (store / "list.jsonl").exists() == is_sent


def test_what_was_never_written_is_not_sent(store: Path) -> None:
    with sent_file("s3://b/out/x.conll"):
        pass
    assert list(store.rglob("*")) == []


def test_a_local_name_is_left_alone(tmp_path: Path) -> None:
    with sent_file("out.conll") as path:
        assert path == "out.conll"
    with published_directory(tmp_path, "index.json", check_names) as directory:
        assert directory == tmp_path


def test_a_set_is_replaced_once_the_new_one_is_complete(store: Path) -> None:
    publish_set("old")
    publish_set("new")
    # Readers of the old one go on with it.
    assert contents(store) == ["new", "old"]


def test_a_build_that_fails_publishes_nothing(store: Path) -> None:
    def fail() -> None:
        with published_directory(SHARDS, "index.json", check_names) as directory:
            directory.mkdir()
            (directory / "index.json").write_text("new")
            raise CorpusError

    with pytest.raises(CorpusError):
        fail()
    assert list(store.rglob("*")) == []


def test_what_is_no_shard_set_is_not_replaced(store: Path) -> None:
    (store / "sets/one").mkdir(parents=True)
    (store / "sets/one/thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"^--out s3://b/sets/one holds thesis.txt but no index.json"):
        publish_set("new")
    assert [path.name for path in (store / "sets/one").iterdir()] == ["thesis.txt"]


def test_what_cannot_be_published_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("s3://b/sets/one/index.json could not be written")

    monkeypatch.setattr(outputs, "publish", fail)
    with pytest.raises(
        StoreError, match=r"nothing was written to s3://b/sets/one, and .* is complete in (\S+):"
    ) as said:
        publish_set("new")
    kept = Path(str(said.value).split("complete in ")[1].split(": ")[0])
    assert (kept / "index.json").read_text() == "new"
    assert by_address(str(kept)) == str(kept)
    assert not (store / "sets").exists()


def test_a_file_that_cannot_be_sent_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("s3://b/x.conll could not be written")

    def write() -> None:
        with sent_file("s3://b/x.conll") as path:
            Path(path).write_text("whole")

    monkeypatch.setattr(outputs, "upload", fail)
    with pytest.raises(StoreError, match=r"could not be written; nothing was written to s3://b/x\.conll, and") as said:
        write()
    assert Path(str(said.value).split("complete in ")[1].split(": ")[0]).read_text() == "whole"


def test_two_processes_do_not_build_for_one_address(store: Path) -> None:
    with published_directory(SHARDS, "index.json", check_names) as directory:
        directory.mkdir()
        (directory / "index.json").write_text("first")
        with pytest.raises(OutputError, match=r"^--out s3://b/sets/one: another process of this machine builds there"):
            publish_set("second")
    assert contents(store) == ["first"]


def test_what_is_left_of_an_interrupted_build_is_found_by_the_next(store: Path) -> None:
    def begin() -> Path:
        with published_directory(SHARDS, "index.json", check_names) as directory:
            (directory.parent / ".one.work").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    with published_directory(SHARDS, "index.json", check_names) as directory:
        assert (directory.parent / ".one.work").exists()
        directory.mkdir()
        (directory / "index.json").write_text("new")
    assert not directory.exists()
