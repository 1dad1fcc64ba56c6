"""The cache: one download for all, verified before use, bounded, and nothing removed that a process needs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import store_folder
from processes import ROOT

from ner_dist.atomic_file import whole_file
from ner_dist.stores import cache, cache_room
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.cache import cached, hold, release
from ner_dist.stores.objects import delete, download, write_bytes


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    return store_folder.use(tmp_path, monkeypatch)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was downloaded."""
    names: list[str] = []

    def counted(address: Address, *arguments: object) -> str:
        names.append(address.name)
        return download(address, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "download", counted)
    return names


def test_an_object_is_downloaded_once_and_keeps_its_name(store: Address, downloads: list[str]) -> None:
    write_bytes(b"text", store / "raw/a.conll")
    path = cached(store / "raw/a.conll")
    assert (path.name, path.read_bytes()) == ("a.conll", b"text")
    assert cached(store / "raw/a.conll") == path
    assert downloads == ["a.conll"]


def test_an_object_that_has_changed_is_downloaded_again(store: Address) -> None:
    write_bytes(b"old", store / "a")
    old = cached(store / "a")
    write_bytes(b"new and longer", store / "a")
    assert cached(store / "a").read_bytes() == b"new and longer"
    assert old.read_bytes() == b"old"


def test_the_store_is_not_asked_for_what_is_known(store: Address) -> None:
    sha256 = write_bytes(b"text", store / "a")
    path = cached(store / "a", 4, sha256)
    delete([store / "a"])
    assert cached(store / "a", 4, sha256) == path
    with pytest.raises(StoreError, match="no such object"):
        cached(store / "a")


def test_a_damaged_copy_is_downloaded_again(store: Address, downloads: list[str]) -> None:
    write_bytes(b"text", store / "a")
    path = cached(store / "a")
    path.write_bytes(b"tex?")
    assert cached(store / "a").read_bytes() == b"text"
    path.write_bytes(b"te")
    assert cached(store / "a").read_bytes() == b"text"
    assert len(downloads) == 3


def test_what_was_used_last_stays(store: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_CACHE_GB", "3e-6")
    paths = {}
    for name in "abcd":
        write_bytes(name.encode() * 1000, store / name)
        if name == "d":
            cached(store / "a")
            release(paths["a"])
        paths[name] = cached(store / name)
        release(paths[name])
        # Times of files may be coarse.
        time.sleep(0.02)
    assert {name for name, path in paths.items() if path.exists()} == {"a", "c", "d"}


def test_what_is_in_use_stays_and_what_does_not_fit_beside_it_is_refused(
    store: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NER_CACHE_GB", "1.5e-6")
    for name in "ab":
        write_bytes(name.encode() * 1000, store / name)
    path = cached(store / "a")
    with pytest.raises(StoreError, match=r"^s3://texts/made/b: its 1,000 bytes do not fit .* raise NER_CACHE_GB"):
        cached(store / "b")
    release(path)
    assert cached(store / "b").exists()
    assert not path.exists()


def test_what_is_fetched_ahead_gives_way(store: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_CACHE_GB", "1.5e-6")
    for name in "ab":
        write_bytes(name.encode() * 1000, store / name)
    cached(store / "a")
    assert not hold("objects/b/b", store / "b", 1000, None, ahead=True).exists()


HOLD = "import sys; from ner_dist.stores.cache import *; from ner_dist.stores.addresses import parse_address as p; "


def test_what_another_process_has_pinned_stays_until_it_is_killed(
    store: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NER_CACHE_GB", "1.5e-6")
    for name in "ab":
        write_bytes(name.encode() * 1000, store / name)
    code = HOLD + f"print(cached(p('{store / 'a'}')), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        path = Path(other.stdout.readline().strip())
        with pytest.raises(StoreError, match="do not fit"):
            cached(store / "b")
        assert path.exists()
        other.kill()
        other.wait()
        assert cached(store / "b").exists()
    assert not path.exists()


def test_several_processes_download_an_object_once(store: Address, tmp_path: Path) -> None:
    write_bytes(os.urandom(3_000_000), store / "a")
    code = HOLD + (
        "import ner_dist.stores.cache as c; real = c.download\n"
        "def download(*arguments):\n    print('downloads', flush=True); return real(*arguments)\n"
        f"c.download = download; cached(p('{store / 'a'}'))"
    )
    others = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    assert b"".join(other.communicate()[0] for other in others) == b"downloads\n"
    assert [other.returncode for other in others] == [0, 0]


def test_what_fails_leaves_nothing(store: Address, tmp_path: Path) -> None:
    write_bytes(b"text", store / "a")
    with pytest.raises(StoreError, match="checksum"):
        cached(store / "a", 4, "0" * 64)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.parent.name == "records"] == []
    assert list((tmp_path / "cache" / "objects").iterdir()) == []


def test_a_record_that_names_a_file_outside_has_nothing_removed(
    store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("mine")
    folder = cache_room.cache_folder()
    with whole_file(folder / "records" / "made.json") as file:
        file.write('{"path": "objects/../../mine", "num_bytes": 4, "sha256": "", "address": "s3://a/b"}')
    monkeypatch.setenv("NER_CACHE_GB", "1e-9")
    write_bytes(b"text", store / "a")
    with pytest.raises(StoreError, match="do not fit"):
        cached(store / "a")
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("text", ["0", "-1", "all", "nan"])
def test_a_size_that_is_no_number_is_refused(text: str, store: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_CACHE_GB", text)
    write_bytes(b"text", store / "a")
    with pytest.raises(StoreError, match="NER_CACHE_GB"):
        cached(store / "a")


def test_a_cache_that_cannot_be_made_is_named(store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "file"))
    write_bytes(b"text", store / "a")
    with pytest.raises(StoreError, match="NER_CACHE"):
        cached(store / "a")
