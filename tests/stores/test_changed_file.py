"""One file of a published folder that is replaced: nothing else is uploaded, readers of before keep what they have."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import store_folder

from ner_dist.stores import changed_file
from ner_dist.stores import published as publishing
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.changed_file import change_file, replace_text
from ner_dist.stores.mirror import mirror, read_from, require
from ner_dist.stores.objects import list_objects, read_bytes, upload
from ner_dist.stores.published import publish, published


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    numbers = itertools.count()
    # Those of one second would be in any order, and only earlier ones are removed.
    for module in (changed_file, publishing):
        monkeypatch.setattr(module, "fresh_prefix", lambda: f"20260131T{next(numbers):06}Z-0a1b2c3d")
    return store_folder.use(tmp_path, monkeypatch) / "export"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("model.onnx", "tagger.json", "README.md"):
        (folder / name).write_text(f"{name} one")
    return folder


def contents(store: Address) -> dict[str, str]:
    folder = mirror(store, ["*"])
    return {path.name: path.read_text() for path in folder.iterdir()}


def objects(store: Address, name: str) -> list[str]:
    return [found for found, _ in list_objects(store) if found.endswith(name)]


def test_one_file_changes_and_the_others_stay_where_they_are(store: Address, export: Path) -> None:
    publish(export, store, "tagger.json")
    for text in ("two", "three", "four"):
        replace_text(mirror(store, ["tagger.json"]) / "tagger.json", text)
        assert contents(store) == {"README.md": "README.md one", "model.onnx": "model.onnx one", "tagger.json": text}
    assert len(objects(store, "model.onnx")) == 1
    # That of the model, of the publication, and of the one before.
    assert len(objects(store, "tagger.json")) == 3


def test_readers_of_before_keep_what_they_have_whatever_follows(store: Address, export: Path) -> None:
    publish(export, store, "tagger.json")
    replace_text(mirror(store, []) / "tagger.json", "two")
    before = mirror(store, [])
    publish(export, store, "tagger.json")
    assert require(before / "tagger.json").read_text() == "two"
    assert require(before / "model.onnx").read_text() == "model.onnx one"
    publish(export, store, "tagger.json")
    assert len(objects(store, "model.onnx")) == 2


def test_a_file_is_added_and_removed(store: Address, export: Path) -> None:
    publish(export, store, "tagger.json")
    replace_text(mirror(store, []) / "calibration.json", "1.5")
    assert contents(store)["calibration.json"] == "1.5"
    found = read_from(mirror(store, []) / "calibration.json")
    assert found is not None
    change_file(*found, None)
    assert sorted(contents(store)) == ["README.md", "model.onnx", "tagger.json"]


def test_of_a_plain_copy_the_object_itself_changes(store: Address, export: Path) -> None:
    for path in export.iterdir():
        upload(path, store / path.name)
    replace_text(mirror(store, ["*"]) / "tagger.json", "two")
    assert read_bytes(store / "tagger.json", 9) == b"two"
    assert contents(store)["tagger.json"] == "two"
    found = read_from(mirror(store, []) / "README.md")
    assert found is not None
    change_file(*found, None)
    assert sorted(name for name, _ in list_objects(store)) == ["model.onnx", "tagger.json"]


def test_what_was_published_since_it_was_read_is_left_as_it_is(store: Address, export: Path) -> None:
    for path in export.iterdir():
        upload(path, store / path.name)
    for _ in range(2):
        before = mirror(store, ["tagger.json"])
        publish(export, store, "tagger.json")
        expected = [name for name, _ in list_objects(store)]
        with pytest.raises(StoreError, match=f"^{store}: something else has been published there since it was read"):
            replace_text(before / "tagger.json", "two")
        assert [name for name, _ in list_objects(store)] == expected


def test_a_failure_changes_nothing(store: Address, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(export, store, "tagger.json")
    before = published(store)

    def fail(*arguments: object) -> None:
        raise StoreError("no answer")

    monkeypatch.setattr(changed_file, "write_pointer", fail)
    with pytest.raises(StoreError, match="no answer"):
        replace_text(mirror(store, []) / "tagger.json", "two")
    assert published(store) == before
    assert len(objects(store, "tagger.json")) == 1


def test_on_a_disk_the_file_itself_changes(store: Address, export: Path) -> None:
    replace_text(export / "tagger.json", "two")
    assert (export / "tagger.json").read_text() == "two"
    assert read_from(export / "tagger.json") is None
