"""The files of a run."""

from __future__ import annotations

import contextlib
import json
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from ner_dist import atomic_file
from ner_dist.config import Config, Train, from_dict, read_stored
from ner_dist.errors import UserError
from ner_dist.run.run_directory import create, fresh_name, versions, write_result


def test_a_run_begins_with_its_resolved_configuration(tmp_path: Path) -> None:
    config = Config(run="x", train=Train(seed=4))
    create(tmp_path / "deep" / "run", config)
    assert from_dict(yaml.safe_load((tmp_path / "deep" / "run" / "config.yaml").read_text())) == config
    assert read_stored(tmp_path / "deep" / "run" / "config.yaml") == config
    assert (tmp_path / "deep" / "run" / "checkpoints").is_dir()


def test_a_bit_of_its_configuration_cannot_be_flipped_unnoticed(tmp_path: Path) -> None:
    create(tmp_path, Config())
    path = tmp_path / "config.yaml"
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with contextlib.suppress(UserError):
            # Damage to the comment itself changes no knob.
            assert read_stored(path) == Config()
            assert place < data.index(b"\n") + 1


def test_a_run_that_is_there_is_not_overwritten_but_may_be_resumed(tmp_path: Path) -> None:
    create(tmp_path, Config(train=Train(epochs=1)))
    before = (tmp_path / "config.yaml").read_text()
    with pytest.raises(UserError, match=r"already holds a run; continue it with --train\.resume true, or choose"):
        create(tmp_path, Config(train=Train(epochs=2)))
    assert (tmp_path / "config.yaml").read_text() == before
    create(tmp_path, Config(train=Train(epochs=3, resume=True)))
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["train"]["epochs"] == 3


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"run: the run's directory cannot be written \(Not a directory\)"):
        create(tmp_path / "file" / "run", Config())


def test_fresh_names_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda pattern: "20240102-030405")
    seen = []
    for _ in range(3):
        seen.append(fresh_name("gmb"))
        Path(seen[-1]).mkdir(parents=True)
    assert seen == ["runs/gmb-20240102-030405", "runs/gmb-20240102-030405-2", "runs/gmb-20240102-030405-3"]


def test_a_result_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_result(tmp_path, {"dev": {"Ö": 1}})
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["dev"] == {"Ö": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file.os, "replace", fail)
    with pytest.raises(UserError, match=r"result.json could not be written \(No space left on device\)"):
        write_result(tmp_path, {"dev": {"Ö": 2}})
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["dev"] == {"Ö": 1}


def test_versions_are_those_installed() -> None:
    found = versions()
    assert set(found) == {"ner_dist", "python", "mxnet", "horovod", "numpy", "pyarrow"}
    assert found["numpy"] == version("numpy")
