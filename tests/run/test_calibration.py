"""The calibration of a run: of one checkpoint, whole or absent, and never of another."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
from pathlib import Path

import pytest
import store_folder
from read_back import CALIBRATION, make_run

from ner_dist.errors import UserError
from ner_dist.foreign.json_files import seal
from ner_dist.run import calibration, checkpoint, store_lock
from ner_dist.run.lock_holder import _started, myself
from ner_dist.run.run_lock import RunLocked
from ner_dist.stores.models import local_model
from ner_dist.stores.objects import list_objects, write_bytes
from ner_dist.stores.published import publish, published


@pytest.fixture(scope="module")
def made(rich_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("calibrated") / "run"
    make_run(run, rich_shards)
    calibration.remove(run / "checkpoints" / "best")
    return run


@pytest.fixture
def best(made: Path, tmp_path: Path) -> Path:
    """The checkpoint of a run without a calibration."""
    return Path(shutil.copytree(made, tmp_path / "run")) / "checkpoints" / "best"


def test_it_is_that_of_its_checkpoint(best: Path) -> None:
    assert calibration.read(best) is None
    assert calibration.temperature(best) == 1
    path = calibration.write(best, CALIBRATION)
    assert path == best.parent.parent / "calibration.json"
    assert calibration.read(best) == CALIBRATION
    assert calibration.temperature(best) == CALIBRATION.temperature
    assert calibration.remove(best) == path
    assert calibration.remove(best) is None
    assert calibration.read(best) is None


@pytest.mark.parametrize("is_plain_copy", [True, False])
def test_that_of_a_run_in_a_store_is_published_for_other_machines(
    is_plain_copy: bool, best: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = store_folder.use(tmp_path, monkeypatch) / "runs" / "mine"
    monkeypatch.setattr(store_lock, "_SETTLE_S", 0.01)
    if is_plain_copy:
        shutil.copytree(best.parent.parent, tmp_path / "store" / "s3" / "texts" / "made" / "runs" / "mine")
    else:
        publish(best.parent.parent, address)

    def place(machine: str) -> Path:
        monkeypatch.setenv("NER_CACHE", str(tmp_path / machine))
        return local_model(address) / "checkpoints" / "best"

    calibration.write(place("one"), CALIBRATION)
    assert calibration.read(place("two")) == CALIBRATION
    assert checkpoint.load(place("two")).progress == checkpoint.load(best).progress
    assert calibration.remove(place("two")) is not None
    assert calibration.read(place("one")) is None
    assert calibration.remove(place("one")) is None
    assert [name for name, _ in list_objects(address) if "run.lock" in name] == []
    assert not (tmp_path / "one" / "runs").exists()


def test_that_of_a_run_that_is_being_written_in_a_store_is_refused(
    best: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = store_folder.use(tmp_path, monkeypatch) / "runs" / "mine"
    publish(best.parent.parent, address)
    holder = {**myself(), "pid": os.getppid(), "started": _started(os.getppid())}
    write_bytes(json.dumps(holder).encode(), address / "run.lock")
    before = published(address)
    with pytest.raises(RunLocked, match=rf"^{address}: process {os.getppid()} on .* is writing to this run; wait for"):
        calibration.write(local_model(address) / "checkpoints" / "best", CALIBRATION)
    assert published(address) == before


def test_that_of_another_checkpoint_is_not_used_and_said(best: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = calibration.write(best, CALIBRATION)
    record = json.loads(path.read_text())
    assert record.pop("sha256")
    path.write_text(seal({**record, "arrays_sha256": "0" * 64}))
    with caplog.at_level(logging.WARNING):
        assert calibration.temperature(best) == 1
    assert "is of another checkpoint (best, as it was then)" in caplog.text
    assert "evaluate RUN --calibrate" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 0.0), ("temperature", 1e9), ("error_before", 2.0), ("entities", -1)]
)
def test_what_cannot_be_a_calibration_is_refused(best: Path, name: str, value: float) -> None:
    calibration.write(best, dataclasses.replace(CALIBRATION, **{name: value}))
    with pytest.raises(UserError, match=r"calibration\.json: .* expected .*; delete it, and calibrate again"):
        calibration.read(best)


def test_a_damaged_file_is_refused(best: Path) -> None:
    path = calibration.write(best, CALIBRATION)
    path.write_text(path.read_text().replace("1.25", "1.35"))
    with pytest.raises(UserError, match=r"its own checksum is .*; delete it, and calibrate again"):
        calibration.read(best)


def test_a_checkpoint_outside_of_its_run_has_none(best: Path, tmp_path: Path) -> None:
    calibration.write(best, CALIBRATION)
    alone = Path(shutil.copytree(best, tmp_path / "elsewhere" / "alone"))
    (tmp_path / "calibration.json").write_text("of something else")
    assert calibration.read(alone) is None
    with pytest.raises(UserError, match="has no place for a calibration; name the run"):
        calibration.write(alone, CALIBRATION)
