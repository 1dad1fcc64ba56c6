"""Which files a folder, a pattern or a prefix stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import store_folder

from ner_dist.errors import UserError
from ner_dist.predicting.input_files import find_files, names_many
from ner_dist.stores.named_files import Place


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a")
    return folder


def names(place: Place) -> list[str]:
    return [file.name for file in find_files(place).files]


def test_a_folder_stands_for_all_files_in_it_but_hidden_ones(tmp_path: Path) -> None:
    made(tmp_path, "b.txt", "a/c.txt.gz", "a/.hidden", ".git/x", "d")
    assert names(tmp_path) == ["a/c.txt.gz", "b.txt", "d"]
    file = find_files(tmp_path).files[1]
    assert (file.place, file.num_bytes) == (tmp_path / "b.txt", 1)


def test_a_pattern_stands_for_files_named_below_its_fixed_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "in/b.txt", "in/a/c.txt", "in/a/d.xml")
    assert names(tmp_path / "in" / "*.txt") == ["b.txt"]
    assert names(tmp_path / "in" / "**" / "*.txt") == ["a/c.txt", "b.txt"]
    monkeypatch.chdir(tmp_path / "in")
    assert names(Path("*")) == ["b.txt"]
    assert find_files(Path("a/?.xml")).folder == Path("a")


def test_what_exists_is_no_pattern(tmp_path: Path) -> None:
    made(tmp_path, "a[1].txt", "b[1]/c.txt")
    assert not names_many(tmp_path / "a[1].txt")
    assert names(tmp_path / "b[1]") == ["c.txt"]
    assert not names_many(tmp_path / "absent")
    assert names_many(tmp_path / "a*")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("empty", "empty: no files are in this folder, expected texts"),
        ("in/*.csv", r"\*.csv: no file has a name like this$"),
        ("i*", r"i\*: no file has a name like this, only folders"),
        ("lost", "lost/link: neither a file nor a folder; remove it, or name the files by a pattern in quotes"),
        ("leading", "leading/out: leads out of .*leading by a link"),
        ("odd", r"odd: the name 'a\\nb' is one no output can have; rename it"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(place: str, message: str, tmp_path: Path) -> None:
    made(tmp_path, "in/a.txt", "odd/a\nb")
    for folder in ("empty", "lost", "leading"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lost" / "link").symlink_to("absent")
    (tmp_path / "leading" / "out").symlink_to("../in")
    with pytest.raises(UserError, match=message):
        find_files(tmp_path / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    made(tmp_path, "in/a.txt", "in/shut/b.txt")
    (tmp_path / "in" / "shut").chmod(0)
    with pytest.raises(UserError, match="shut: the folder cannot be read"):
        find_files(tmp_path / "in")


def test_links_within_the_folder_are_followed_once(tmp_path: Path) -> None:
    made(tmp_path, "a/b.txt")
    (tmp_path / "a" / "again").symlink_to("../a")
    (tmp_path / "c.txt").symlink_to("a/b.txt")
    assert names(tmp_path) == ["a/b.txt", "c.txt"]


def test_a_prefix_stands_for_its_objects_and_a_pattern_for_those_like_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store_folder.use(tmp_path, monkeypatch)
    made(tmp_path / "store" / "s3" / "texts" / "made", "b.txt", "a/c.txt", "a/.hidden")
    assert names_many(folder)
    assert not names_many(folder / "b.txt")
    assert names(folder) == ["a/c.txt", "b.txt"]
    assert names(folder._replace(key="")) == ["made/a/c.txt", "made/b.txt"]
    assert names(folder / "*.txt") == ["b.txt"]
    assert names(folder / "**" / "*.txt") == ["a/c.txt", "b.txt"]
    file = find_files(folder).files[1]
    assert (file.place, file.num_bytes, file.modified_ns > 0) == (folder / "b.txt", 1, True)
    with pytest.raises(UserError, match=r"s3://texts/made/\*.csv: no object has a name like this"):
        find_files(folder / "*.csv")
    with pytest.raises(UserError, match="s3://texts/absent: there is no such object, and nothing below this name"):
        find_files(folder.parent / "absent")
