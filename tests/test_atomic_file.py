"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ner_dist import atomic_file
from ner_dist.atomic_file import latest, temporary_beside, whole_binary_file, whole_directory, whole_file
from ner_dist.errors import UserError


def test_the_text_is_written_as_it_is(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out") as file:
        file.write("é\r\n")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_bytes() == "é\r\n".encode()


def test_bytes_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with whole_binary_file(tmp_path / "out") as file:
        file.write(b"\xff\r\n")
        assert not (tmp_path / "out").exists()

    def fail() -> None:
        with whole_binary_file(tmp_path / "out") as file:
            file.write(b"other")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"\xff\r\n")]


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


def test_errors_of_what_is_read_meanwhile_are_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"), whole_file(tmp_path / "out"):
        raise OSError(5, "Input/output error")
    assert not list(tmp_path.iterdir())


def test_the_content_is_on_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut may leave an empty file."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def noted(*given: object, name: str = name, call: Callable[..., None] = original) -> None:
            calls.append(name)
            call(*given)

        monkeypatch.setattr(os, name, noted)
    with whole_file(tmp_path / "file") as file:
        file.write("x")
    assert calls == ["fsync", "replace"]
    calls.clear()
    with whole_directory(tmp_path / "folder") as partial:
        (partial / "a").write_text("a")
    # The file, the directory, and then the one that has it.
    assert calls == ["fsync", "fsync", "replace", "fsync"]


def test_two_processes_may_write_the_same_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out") as one, whole_file(tmp_path / "out") as other:
        one.write("1" * 100_000)
        other.write("2")
    assert (tmp_path / "out").read_text() == "1" * 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _left_by(process: str, place: Path, host: str = "") -> Path:
    """What a process has not finished."""
    path = place.with_name(f".{place.name}-{host or atomic_file._host()}-{process}-0123abcd.partial")
    path.mkdir()
    (path / "part").write_text("part")
    return path


def test_what_killed_processes_have_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    place = tmp_path / "out"
    gone = [
        _left_by(f"{ended.pid}.1", place),
        _left_by(f"{os.getppid()}.1", place),
        _left_by(f"{os.getpid()}.1", place),
    ]
    # The parent runs, but began at another time than the process that had its number.
    kept = [_left_by(atomic_file._process(os.getppid()), place), _left_by(f"{ended.pid}.1", tmp_path / "other")]
    with whole_directory(place):
        pass
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_what_another_host_may_still_write_to_is_kept_for_a_day(tmp_path: Path) -> None:
    place = tmp_path / "out"
    new, old = _left_by("1.1", place, "elsewhere"), _left_by("2.1", place, "elsewhere")
    yesterday = time.time() - 25 * 3600
    for path in (old / "part", old):
        os.utime(path, (yesterday, yesterday))
    with whole_file(place):
        pass
    assert new.exists()
    assert not old.exists()


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127):
        with whole_file(tmp_path / name) as file:
            file.write("x")
        assert (tmp_path / name).read_text() == "x"


def test_the_old_directory_stays_until_the_new_one_is_in_its_place(tmp_path: Path) -> None:
    """Not even for the moment between two renames is there none, where the file system can exchange two names."""
    place = tmp_path / "out"
    seen = []
    with whole_directory(place) as partial:
        (partial / "old").touch()
    with whole_directory(place) as partial:
        (partial / "new").touch()
        seen += [path.name for path in place.iterdir()]
    assert [*seen, *(path.name for path in place.iterdir())] == ["old", "new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["out.previous", ".out.previous"])
def test_between_two_renames_the_old_directory_is_found_and_put_back(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "old").touch()
    assert latest(tmp_path / "out") == tmp_path / name
    with pytest.raises(KeyboardInterrupt), whole_directory(tmp_path / "out", in_own_folder=True):
        raise KeyboardInterrupt
    assert latest(tmp_path / "out") == tmp_path / "out"
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_what_is_beside_an_output_of_the_users_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "out.previous").mkdir()
    (tmp_path / "out.partial").mkdir()
    with whole_directory(tmp_path / "out"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.partial", "out.previous"]


def test_a_path_beside_a_place_is_free_and_goes_with_the_context(tmp_path: Path) -> None:
    with temporary_beside(tmp_path / "out") as path:
        assert path.parent == tmp_path
        assert not path.exists()
        path.write_text("x")
    assert not list(tmp_path.iterdir())
