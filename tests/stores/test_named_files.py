"""What a command reads and writes by address: whole or not at all, and never lost because a store does not answer."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.stores import named_files
from ner_dist.stores.addresses import Address, StoreError, parse_address
from ner_dist.stores.local_copies import by_address
from ner_dist.stores.named_files import local_file, require_writable, whole_binary, whole_folder, whole_text

FILE, FOLDER = parse_address("s3://bucket/out/a.txt"), parse_address("gs://bucket/exports/mine")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "store"


def unsent(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache" / "unpublished").iterdir()]


@pytest.mark.parametrize("address", [True, False])
def test_a_file_is_there_when_it_is_complete(store: Path, tmp_path: Path, address: bool) -> None:
    place, path = (FILE, store / "s3/bucket/out/a.txt") if address else (tmp_path / "a.txt", tmp_path / "a.txt")
    with whole_text(place) as file:
        file.write("ä\r\n")
        assert not path.exists()
    assert path.read_bytes() == b"\xc3\xa4\r\n"
    with contextlib.suppress(RuntimeError), whole_binary(place) as binary:
        binary.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"\xc3\xa4\r\n"
    assert local_file(place).read_bytes() == b"\xc3\xa4\r\n"
    assert local_file(place).name == "a.txt"
    if address:
        assert by_address(f"{local_file(place)}:1: bad") == f"{FILE}:1: bad"
        assert unsent(tmp_path) == []


def test_a_folder_is_there_when_it_is_complete(store: Path, tmp_path: Path) -> None:
    with whole_folder(FOLDER, "index.json") as folder:
        assert folder.name == "mine"
        folder.mkdir()
        (folder / "index.json").write_text("{}")
        assert not (store / "gs").exists()
    assert len(list((store / "gs/bucket/exports/mine").glob("*/index.json"))) == 1
    assert unsent(tmp_path) == []
    with whole_folder(tmp_path / "mine", "index.json") as folder:
        assert folder == tmp_path / "mine"


def test_what_cannot_be_sent_is_kept_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, address: Address) -> None:
        raise StoreError(f"{address} could not be written: no answer")

    monkeypatch.setattr(named_files, "upload", fail)
    with pytest.raises(StoreError) as caught, whole_text(FILE) as file:
        file.write("hours of work")
    found = re.fullmatch(
        rf"{FILE} could not be written: no answer; nothing was written to {FILE}, and what was to be there is complete "
        r"in (\S+): copy it there by any tool, or delete it",
        str(caught.value),
    )
    assert found is not None
    assert Path(found[1]).read_text() == "hours of work"


def test_a_place_that_cannot_be_written_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(FILE)
    require_writable(tmp_path / "a.txt")
    with pytest.raises(UserError, match=r"absent/a.txt could not be written \(.*absent is not a directory\)"):
        require_writable(tmp_path / "absent" / "a.txt")
    monkeypatch.setenv("NER_STORE_RETRIES", "none")
    with pytest.raises(UserError, match="NER_STORE_RETRIES"):
        require_writable(FILE)


def test_an_object_that_is_not_there_is_named(store: Path) -> None:
    (store / "s3" / "bucket").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"^{FILE}.*: there is no such object"):
        local_file(FILE)
