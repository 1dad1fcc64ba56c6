"""What is named in a store is found as if it lay on this disk."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from data_prep.formats.find_sources import expand, expand_splits
from data_prep.problems import CorpusError, Problems
from data_prep.remote import fetch_named
from data_prep.remote.copies import copy_at, own_folder
from data_prep.remote.fetch_named import fetched
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.local_copies import by_address

ROW = "Paris B-LOC\n\n"


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


@pytest.fixture
def corpora(store: Path) -> Path:
    """The same files in the bucket, at b/raw, and on disk, at raw beside the store."""
    local = store.parents[2] / "raw"
    for folder in (store / "raw", local):
        for name in ("a.conll", "deep/b.conll", "deep/deeper/c.conll", ".hidden.conll", "notes.md", "deep/._x.conll"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(ROW)
        (folder / "z.zip").write_bytes(zipped(x=ROW, y=ROW))
        (folder / "brat").mkdir()
        for name in ("one", "two"):
            (folder / "brat" / f"{name}.txt").write_text("Paris")
            (folder / "brat" / f"{name}.ann").write_text("T1\tLOC 0 5\tParis\n")
    return local


@pytest.mark.parametrize(
    "name",
    [
        "raw/a.conll",
        "raw/deep",
        "raw/deep/",
        "raw/*.conll",
        "raw/**/*.conll",
        "raw/d*/[bc].conll",
        "raw/z.zip",
        "raw/z.zip/x",
        "raw/z.zip/*",
        "raw/brat",
        "raw/brat/*",
        "raw/brat/*.ann",
        "raw/brat/one.ann",
    ],
)
def test_the_same_files_are_found_as_on_disk(corpora: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(corpora.parent)
    here, there = Problems(), Problems()
    local, remote = expand([name], problems=here), expand([f"s3://b/{name}"], problems=there)
    assert [file.name for file in remote] == [file.name for file in local]
    assert [file.document for file in remote] == [file.document for file in local]
    assert [str(file) for file in remote] == [f"s3://b/{file}" for file in local]
    assert there.warning_lines == [f"s3://b/{line.replace('raw/ ', 'raw ')}" for line in here.warning_lines]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://b/absent", "s3://b/absent: no such file"),
        ("s3://b/absent*.conll", r"s3://b/absent\*.conll: no file has a name like this"),
        ("s3://b/raw/z.zip/zz", "s3://b/raw/z.zip: no file zz in the archive; it holds x, y"),
        ("s3://b/raw/a.conll/x", "s3://b/raw/a.conll/x: s3://b/raw/a.conll is neither a folder nor an archive"),
        ("s4://b/raw", r"'s4://b/raw': s4:// is not supported, expected one of s3://"),
    ],
)
def test_what_is_not_there_is_named_by_its_address(corpora: Path, name: str, message: str) -> None:
    with pytest.raises(CorpusError) as refused:
        expand([name])
    assert re.match(message, by_address(str(refused.value)))


def test_the_same_object_may_not_be_named_twice(corpora: Path) -> None:
    with pytest.raises(CorpusError, match=r"^s3://b/raw/a\.conll: the same file is in train and in dev"):
        expand_splits({"train": ["s3://b/raw/a.conll"], "dev": ["s3://b/raw/*.conll"]})


def test_what_is_no_corpus_is_not_fetched(corpora: Path) -> None:
    problems = Problems()
    with pytest.raises(CorpusError, match="files of several formats"):
        expand(["s3://b/raw"], problems=problems)
    assert problems.warning_lines == ["s3://b/raw: warning: left out, because by its name no corpus: notes.md"]
    assert copy_at(Address("s3", "b", "raw/notes.md")).stat().st_size == 0


def test_what_has_changed_or_gone_in_the_store_is_seen(store: Path) -> None:
    for name in ("a", "b"):
        (store / f"raw/{name}.conll").parent.mkdir(exist_ok=True)
        (store / f"raw/{name}.conll").write_text(ROW)
    assert len(expand(["s3://b/raw"])) == 2
    (store / "raw/a.conll").unlink()
    (store / "raw/b.conll").write_text(2 * ROW)
    (file,) = expand(["s3://b/raw"])
    assert str(file) == "s3://b/raw/b.conll"
    assert file.path.read_text() == 2 * ROW
    (store / "raw/c.conll").write_text(ROW)
    assert [file.name for file in expand(["s3://b/raw/*"])] == ["b.conll", "c.conll"]


def test_shards_are_no_corpus(store: Path) -> None:
    (store / "set").mkdir()
    for name in ("index.json", "train-00000.parquet"):
        (store / "set" / name).write_text("")
    with pytest.raises(CorpusError, match=r"^s3://b/set: a shard set, expected a corpus"):
        expand(["s3://b/set"])
    assert not copy_at(Address("s3", "b", "set")).exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a//b", "a/./b", "a\nb"])
def test_names_in_a_store_stay_in_their_folder(store: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(fetch_named, "list_objects", lambda address: iter([(name, 3)]))
    with pytest.raises(CorpusError, match=r"^s3://b/raw: an object below it has the name .*, which no file can have"):
        fetched("s3://b/raw")


def test_a_folder_that_is_an_object_too_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "raw").mkdir()
    (store / "raw/a").write_text(ROW)
    monkeypatch.setattr(fetch_named, "list_objects", lambda address: iter([("a", 13), ("a/b", 13)]))
    with pytest.raises((CorpusError, StoreError), match=r"^s3://b/raw/a"):
        fetched("s3://b/raw")


def test_a_path_of_this_machine_is_left_alone(tmp_path: Path) -> None:
    for name in ("corpus.conll", "C:/corpus.conll", str(tmp_path), "-"):
        assert fetched(name) == name


def test_copies_are_links_to_what_the_cache_has(store: Path) -> None:
    (store / "a.conll").write_text(ROW)
    path = Path(fetched("s3://b/a.conll"))
    assert path.is_relative_to(own_folder())
    assert path.stat().st_nlink == 2
