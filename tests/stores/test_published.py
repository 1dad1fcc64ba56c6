"""Published folders and their mirrors: a reader has one publication whole, a writer's failure changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import store_folder

from ner_dist.stores import published as publishing
from ner_dist.stores import uploads
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.mirror import fetch_ahead, local_or_mirror, mirror, publication, release_all, require
from ner_dist.stores.objects import delete, list_objects, read_bytes, write_bytes
from ner_dist.stores.published import POINTER, publish, published

FILES = ["index.json", "train-0.parquet", "train-1.parquet", "vocab/word.json"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    return store_folder.use(tmp_path, monkeypatch) / "set"


def folder(tmp_path: Path, text: str) -> Path:
    directory = tmp_path / f"set-{text}"
    for name in FILES:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{name} {text}")
    return directory


def contents(directory: Path) -> dict[str, str]:
    return {path.relative_to(directory).as_posix(): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_what_is_published_is_read_back(store: Address, tmp_path: Path) -> None:
    directory = folder(tmp_path, "one")
    publish(directory, store, "index.json")
    assert contents(mirror(store, ["*"])) == contents(directory)
    assert [name for name, _ in list_objects(store)][-1] == POINTER


def test_files_come_when_they_are_needed(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    copy = local_or_mirror(str(store), ["index.json", "vocab/*"])
    assert copy.name == "set"
    assert sorted(contents(copy)) == ["index.json", "vocab/word.json"]
    assert require(copy / "train-1.parquet").read_text() == "train-1.parquet one"
    assert not require(copy / "nothing").exists()
    require(copy)
    assert sorted(contents(copy)) == FILES


def test_files_are_fetched_ahead(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    copy = mirror(store, [])
    fetch_ahead([copy / "train-1.parquet", tmp_path / "local", copy / "train-0.parquet"])
    for _ in range(500):
        if (copy / "train-0.parquet").exists():
            break
        time.sleep(0.01)
    assert sorted(contents(copy)) == ["train-0.parquet", "train-1.parquet"]


def test_files_that_are_released_give_way(store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    copy = mirror(store, [])
    # Beside the record of the mirror, there is room for one of them.
    monkeypatch.setenv("NER_CACHE_GB", f"{((copy.parent / 'mirror.json').stat().st_size + 30) / 1e9:.12f}")
    require(copy / "train-0.parquet")
    with pytest.raises(StoreError, match="do not fit"):
        require(copy / "train-1.parquet")
    release_all([copy / "train-0.parquet"])
    assert require(copy / "train-1.parquet").exists()
    assert sorted(contents(copy)) == ["train-1.parquet"]


def test_a_local_path_is_left_alone(tmp_path: Path) -> None:
    assert local_or_mirror(str(tmp_path), ["*"]) == tmp_path
    assert require(tmp_path / "mirrors" / "a" / "b") == tmp_path / "mirrors" / "a" / "b"
    assert publication(tmp_path) == str(tmp_path)
    fetch_ahead([tmp_path])
    release_all([tmp_path])


def test_a_reader_goes_on_with_the_publication_it_began_with(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    old = mirror(store, ["index.json"])
    publish(folder(tmp_path, "two"), store, "index.json")
    new = mirror(store, ["index.json"])
    assert require(old / "train-0.parquet").read_text() == "train-0.parquet one"
    assert require(new / "train-0.parquet").read_text() == "train-0.parquet two"


def test_the_address_of_a_publication_is_the_same_mirror(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    old = mirror(store, [])
    name = publication(old)
    publish(folder(tmp_path, "two"), store, "index.json")
    assert local_or_mirror(name, ["*"]) == old


def test_the_last_two_publications_stay(store: Address, tmp_path: Path) -> None:
    prefixes = []
    for text in ("one", "two", "three", "four"):
        publish(folder(tmp_path, text), store)
        found = published(store)
        assert found is not None
        prefixes.append(found.version)
        # Prefixes tell seconds.
        write_bytes(b"", store / f"20000101T00000{len(prefixes)}Z-00000000" / "left by a killed one")
    kept = {name.partition("/")[0] for name, _ in list_objects(store) if "/" in name}
    assert set(prefixes[-1:]) <= kept <= set(prefixes) | {"20000101T000004Z-00000000"}
    assert prefixes[-2] in kept


@pytest.mark.parametrize("fails_at", ["index.json", "train-1.parquet", POINTER])
def test_a_publication_that_fails_changes_nothing(
    store: Address, tmp_path: Path, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    before = dict(list_objects(store))
    send = uploads._send

    def failing(file: Any, place: Address, check: Any) -> Any:
        if place.name == fails_at:
            raise StoreError(f"{place} could not be written")
        return send(file, place, check)

    monkeypatch.setattr(uploads, "_send", failing)
    with pytest.raises(StoreError, match=r"could not be written|not complete"):
        publish(folder(tmp_path, "two"), store, "index.json")
    assert dict(list_objects(store)) == before
    assert (mirror(store, ["*"]) / "index.json").read_text() == "index.json one"


def test_the_pointer_is_written_last_and_the_index_before_it(
    store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    upload, write = publishing.upload, publishing.write_bytes
    monkeypatch.setattr(publishing, "upload", lambda path, *rest: (order.append(path.name), upload(path, *rest))[1])
    monkeypatch.setattr(publishing, "write_bytes", lambda data, at: (order.append(str(at)), write(data, at))[1])
    publish(folder(tmp_path, "one"), store, "index.json")
    assert order[3] == "index.json"
    assert order[-1] == f"{store}/{POINTER}"


def test_a_folder_without_its_last_file_or_any_is_not_published(store: Address, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match=r"holds no files"):
        publish(tmp_path / "empty", store)
    with pytest.raises(StoreError, match=r"holds no result\.json"):
        publish(folder(tmp_path, "one"), store, "result.json")
    assert published(store) is None


def test_a_plain_copy_is_read_too(store: Address, tmp_path: Path) -> None:
    directory = folder(tmp_path, "one")
    for name in FILES:
        write_bytes((directory / name).read_bytes(), store / name)
    copy = mirror(store, ["*"])
    assert contents(copy) == contents(directory)
    # Another copy at the same place is another folder.
    write_bytes(b"two", store / "index.json")
    assert (mirror(store, ["index.json"]) / "index.json").read_text() == "two"
    assert (copy / "index.json").read_text() == "index.json one"


def test_an_address_with_nothing_is_named(store: Address) -> None:
    write_bytes(b"", store.parent / "other")
    with pytest.raises(StoreError, match=r"^s3://texts/made/set: there is no such object, and nothing below"):
        mirror(store, [])


def test_a_file_that_is_damaged_in_the_store_is_not_taken(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    copy = mirror(store, ["index.json"])
    place = publication(copy).removeprefix(f"{store}/")
    write_bytes(b"train-0.parquet ona", store / place / "train-0.parquet")
    with pytest.raises(StoreError, match=r"/train-0\.parquet: checksum .* upload it again"):
        require(copy / "train-0.parquet")
    delete([store / place / "train-1.parquet"])
    with pytest.raises(StoreError, match=r"/train-1\.parquet: there is no such object"):
        require(copy / "train-1.parquet")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda text: text[:-20], "not readable as JSON"),
        (lambda text: text.replace("train-0", "train-7"), "it is damaged"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "format version 2, this code reads version 1"),
        (lambda text: "{}", "not the record of a published folder"),
        (lambda text: json.dumps([text]), "not the record of a published folder"),
    ],
)
def test_a_damaged_pointer_is_refused(store: Address, tmp_path: Path, change: Any, found: str) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    text = read_bytes(store / POINTER, 10**6).decode()
    write_bytes(change(text).encode(), store / POINTER)
    with pytest.raises(StoreError, match=f"^s3://texts/made/set/{POINTER}: .*{found}.*; publish the folder again"):
        published(store)


def test_a_pointer_cannot_lead_out_of_its_folder(store: Address, tmp_path: Path) -> None:
    publish(folder(tmp_path, "one"), store, "index.json")
    record = json.loads(read_bytes(store / POINTER, 10**6))
    del record["sha256"]
    for bad in ("../index.json", "/etc/passwd", "a//b"):
        text = publishing.seal({**record, "files": {bad: record["files"]["index.json"]}})
        write_bytes(text.encode(), store / POINTER)
        with pytest.raises(StoreError, match="is not a plain name"):
            published(store)
    write_bytes(publishing.seal({**record, "prefix": "../other"}).encode(), store / POINTER)
    with pytest.raises(StoreError, match="the prefix is"):
        published(store)
