"""The folder that an interrupted build goes on from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_dist.engines.executor import EngineError
from ner_dist.engines.work_folder import Interrupted, fingerprint, resumable

ONE, OTHER = "a" * 64, "b" * 64


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_is_built_takes_its_place_and_nothing_else_is_left(tmp_path: Path) -> None:
    with resumable(tmp_path / "set", ONE) as (built, work):
        (built / "index.json").write_text("{}")
        (work / "spill").write_text("large")
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "index.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EngineError("the scheduler is lost")])
def test_the_same_command_goes_on_after_an_interrupt(tmp_path: Path, error: BaseException) -> None:
    expected = EngineError if isinstance(error, EngineError) else Interrupted
    with pytest.raises(expected), resumable(tmp_path / "set", ONE):
        raise error
    assert not (tmp_path / "set").exists()
    (left,) = hidden(tmp_path)
    (tmp_path / left / "finished").mkdir()
    with resumable(tmp_path / "set", ONE) as (_, work):
        assert (work / "finished").is_dir()
    assert hidden(tmp_path) == []


def test_another_command_for_the_same_place_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), resumable(tmp_path / "set", ONE):
        raise KeyboardInterrupt
    with resumable(tmp_path / "set", OTHER) as (_, work):
        assert hidden(tmp_path) == [work.name]


def test_an_error_of_the_user_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wrong"), resumable(tmp_path / "set", ONE):
        raise ValueError("wrong")
    assert hidden(tmp_path) == []


def test_two_of_the_same_command_do_not_share_a_folder(tmp_path: Path) -> None:
    with resumable(tmp_path / "set", ONE) as (_, work):
        with pytest.raises(EngineError, match="another process builds"), resumable(tmp_path / "set", ONE):
            pass
        assert (work / "built").is_dir()
        # What is at work is not removed by another command.
        with resumable(tmp_path / "set", OTHER):
            assert (work / "built").is_dir()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    work = tmp_path / f".set-{ONE[:16]}.work"
    work.mkdir()
    os.chmod(work, 0o777)
    with pytest.raises(EngineError, match="others than this user"), resumable(tmp_path / "set", ONE):
        pass


def test_a_fingerprint_is_that_of_settings_and_files(tmp_path: Path) -> None:
    file = tmp_path / "corpus"
    file.write_text("a O")
    first = fingerprint({"seed": 1}, [file])
    assert fingerprint({"seed": 1}, [file]) == first
    assert fingerprint({"seed": 2}, [file]) != first
    file.write_text("a B-X")
    assert fingerprint({"seed": 1}, [file]) != first


def test_after_a_restart_of_the_machine_nothing_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fingerprint({"seed": 1}, [])
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr("ner_dist.engines.work_folder._BOOT_ID", tmp_path / "boot_id")
    assert fingerprint({"seed": 1}, []) != first
    lasting = fingerprint({"seed": 1}, [], outlasts_restart=True)
    (tmp_path / "boot_id").write_text("a third\n")
    assert fingerprint({"seed": 1}, [], outlasts_restart=True) == lasting
