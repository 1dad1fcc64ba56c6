"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_dist.atomic_file import whole_file
from ner_dist.errors import UserError


def test_the_text_is_written_as_it_is(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out") as file:
        file.write("é\r\n")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_bytes() == "é\r\n".encode()


def test_a_file_from_before_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before")

    def fail() -> None:
        with whole_file(tmp_path / "out") as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "out").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    absent = r"absent/out could not be written \(No such file or directory\)"
    with pytest.raises(UserError, match=absent), whole_file(tmp_path / "absent" / "out"):
        pass
    (tmp_path / "folder").mkdir()
    folder = r"folder could not be written \(Is a directory\)"
    with pytest.raises(UserError, match=folder), whole_file(tmp_path / "folder"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    # As /dev/null is none, either.
    os.mkfifo(tmp_path / "out")
    with pytest.raises(UserError, match="is not a regular file"), whole_file(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").is_fifo()
