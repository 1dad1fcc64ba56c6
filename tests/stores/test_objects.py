"""Objects in a local folder that stands for a store: whole or not there, in every way that a transfer can end."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import store_folder

from ner_dist.stores import attempts, downloads, facts, uploads
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.objects import delete, download, list_objects, read_bytes, size, upload, write_bytes

DATA = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    monkeypatch.setattr(attempts, "_FIRST_WAIT_S", 0.001)
    return store_folder.use(tmp_path, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def listed(store: Address) -> dict[str, int]:
    return dict(list_objects(store))


def test_a_file_comes_back_as_it_was(store: Address, file: Path, tmp_path: Path) -> None:
    assert upload(file, store / "a/b") == SHA256
    assert (size(store / "a/b"), size(store / "a/c"), size(store / "a")) == (len(DATA), None, None)
    assert download(store / "a/b", tmp_path / "back", len(DATA), SHA256) == SHA256
    assert (tmp_path / "back").read_bytes() == DATA


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.zst"])
def test_bytes_are_never_compressed_or_uncompressed_on_the_way(store: Address, name: str, tmp_path: Path) -> None:
    write_bytes(b"as it is", store / name)
    assert read_bytes(store / name, 100) == b"as it is"
    download(store / name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"as it is"


def test_an_object_is_replaced_as_a_whole(store: Address) -> None:
    for data in (b"old", b"", b"new one"):
        write_bytes(data, store / "a")
        assert read_bytes(store / "a", 100) == data
    assert listed(store) == {"a": 7}


def test_names_are_listed_in_order_with_their_folders(store: Address) -> None:
    for name in ("b/2", "b/10", "a", "ä ö"):
        write_bytes(b"x", store / name)
    assert list(listed(store)) == ["a", "b/10", "b/2", "ä ö"]
    assert listed(store / "none") == {}
    assert facts.list_folders(store) == ["b"]


def test_what_is_deleted_is_gone_and_may_have_been_before(store: Address) -> None:
    for name in ("a", "b/c", "b/d"):
        write_bytes(b"x", store / name)
    delete([store / "a", store / "nothing"])
    facts.delete_folder(store / "b")
    facts.delete_folder(store / "b")
    assert listed(store) == {}


def test_an_object_that_is_too_large_to_be_read_is_refused(store: Address, file: Path) -> None:
    upload(file, store / "a")
    with pytest.raises(StoreError, match=r"^s3://texts/made/a: more than 1,000 bytes"):
        read_bytes(store / "a", 1000)


def test_an_absent_object_is_told_from_an_absent_bucket(store: Address, tmp_path: Path) -> None:
    write_bytes(b"x", store / "a")
    for read in (lambda place: read_bytes(place, 10), lambda place: download(place, tmp_path / "back")):
        with pytest.raises(StoreError, match=r"^s3://texts/made/b: there is no such object"):
            read(store / "b")
        with pytest.raises(StoreError, match=r"^s3://others/b: there is no bucket others"):
            read(Address("s3", "others", "b"))


@pytest.mark.parametrize("expected", [{"num_bytes": 5}, {"sha256": "0" * 64}])
def test_another_object_than_expected_is_not_taken(store: Address, file: Path, expected: Any, tmp_path: Path) -> None:
    upload(file, store / "a")
    with pytest.raises(StoreError, match=r"^s3://texts/made/a: .* expected"):
        download(store / "a", tmp_path / "back", **expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "store"]


def failing_after(num_reads: int, stream: Any) -> Any:
    """A stream that fails once."""

    class Stream:
        reads = 0

        def __enter__(self) -> Stream:
            return self

        def __exit__(self, *error: object) -> None:
            stream.close()

        def read(self, length: int) -> bytes:
            Stream.reads += 1
            if Stream.reads > num_reads:
                raise OSError("connection reset")
            return bytes(stream.read(length))

    return Stream()


def test_a_download_goes_on_where_it_was_cut(store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(DATA, store / "a")
    offsets = []
    opened = downloads.opened

    def opens(address: Address, offset: int = 0) -> Any:
        offsets.append(offset)
        return failing_after(1, opened(address, offset))

    monkeypatch.setattr(downloads, "opened", opens)
    # 1 MiB by every connection; more retries in all than are allowed in a row.
    assert download(store / "a", tmp_path / "back") == SHA256
    assert offsets == [number << 20 for number in range(5)]


def test_an_object_that_ends_early_is_an_error(store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(DATA, store / "a")
    monkeypatch.setattr(downloads, "opened", lambda address, offset=0: io.BytesIO())
    with pytest.raises(StoreError, match=r"s3://texts/made/a could not be read: 1 retries.*ends after 0 of 5120000"):
        download(store / "a", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_an_object_that_changes_meanwhile_is_not_mixed(
    store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(DATA, store / "a")
    opened = downloads.opened

    def opens(address: Address, offset: int = 0) -> Any:
        stream = opened(address, offset)
        (tmp_path / "store" / "s3" / "texts" / "made" / "a").write_bytes(DATA[::-1])
        return stream

    monkeypatch.setattr(downloads, "opened", opens)
    with pytest.raises(StoreError, match="was replaced while it was read"):
        download(store / "a", tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("error", [StoreError("stop"), KeyboardInterrupt()])
def test_an_upload_that_is_ended_leaves_what_was_there(
    store: Address, file: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(b"old", store / "a")
    monkeypatch.setattr(uploads, "_BLOCK", 1 << 16)

    def check() -> None:
        raise error

    with pytest.raises(type(error)):
        upload(file, store / "a", check)
    assert read_bytes(store / "a", 10) == b"old"
    assert listed(store) == {"a": 3}


def test_an_upload_that_arrives_damaged_is_sent_again(
    store: Address, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks, damaged = uploads.blocks, [True]

    def read_back(*arguments: Any) -> Any:
        for block in blocks(*arguments):
            yield b"?" + block[1:] if damaged.pop() else block
            damaged.append(False)

    monkeypatch.setattr(uploads, "blocks", read_back)
    assert upload(file, store / "a") == SHA256
    assert listed(store) == {"a": len(DATA)}


def test_an_upload_that_always_arrives_damaged_publishes_nothing(
    store: Address, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "blocks", lambda *arguments: iter([b"?"]))
    with pytest.raises(StoreError, match=r"^s3://texts/made/a could not be written: 1 retries.* another object"):
        upload(file, store / "a")
    assert listed(store) == {}


def test_a_stream_that_must_not_be_completed_is_never_closed() -> None:
    closed = []

    class Stream:
        def __del__(self) -> None:
            closed.append(True)

    uploads._abandon(Stream())
    assert closed == []


def test_a_file_that_is_not_there_is_not_uploaded(store: Address, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not readable"):
        upload(tmp_path / "none", store / "a")
