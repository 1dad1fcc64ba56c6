"""Models by address: which files are fetched, and what changes when another model is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ner_dist.stores.addresses import StoreError, parse_address
from ner_dist.stores.local_copies import by_address
from ner_dist.stores.models import local_model, model_version
from ner_dist.stores.published import publish

RUN = parse_address("s3://bucket/runs/mine")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "store"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name in ("best", "last"):
        place = folder / "checkpoints" / name
        (place / "vocab").mkdir(parents=True)
        for file in ("config.yaml", "state.json", "arrays.npz", "index.json", "vectors.npy", "vocab/word.json"):
            (place / file).write_text(f"{file} of {name}")
    for file in ("config.yaml", "result.json", "metrics.jsonl", "rank-0.log"):
        (folder / file).write_text(file)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def put(run: Path, store: Path, is_plain_copy: bool) -> None:
    if is_plain_copy:
        shutil.copytree(run, store / "s3/bucket/runs/mine", dirs_exist_ok=True)
    else:
        publish(run, RUN)


@pytest.mark.parametrize("is_plain_copy", [True, False])
def test_of_a_run_one_checkpoint_is_fetched(run: Path, store: Path, is_plain_copy: bool) -> None:
    put(run, store, is_plain_copy)
    found = local_model(str(RUN), "last")
    expected = {name for name in names(run) if "best" not in name} - {"rank-0.log"}
    assert names(found) == expected
    assert found.name == "mine"
    assert by_address(f"{found}/checkpoints/last: bad") == f"{RUN}/checkpoints/last: bad"


@pytest.mark.parametrize("is_plain_copy", [True, False])
def test_a_checkpoint_has_an_address_too(run: Path, store: Path, is_plain_copy: bool) -> None:
    put(run, store, is_plain_copy)
    found = local_model(RUN / "checkpoints" / "best")
    assert names(found) == names(run / "checkpoints" / "best")
    assert found.name == "best"


def test_of_an_export_all_is_fetched(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for name in ("tagger.json", "model.onnx", "runner.py", "README.md"):
        (export / name).write_text(name)
    publish(export, RUN, "tagger.json")
    assert names(local_model(RUN)) == names(export)


def test_a_path_is_left_alone(tmp_path: Path) -> None:
    assert local_model("runs/mine") == Path("runs/mine")
    assert local_model(tmp_path) == tmp_path


def test_an_address_with_nothing_is_refused(store: Path) -> None:
    (store / "s3" / "bucket").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"^{RUN}: there is no"):
        local_model(RUN)


def test_a_version_changes_with_the_best_checkpoint_alone(run: Path) -> None:
    assert model_version(RUN) is None
    publish(run, RUN)
    first = model_version(RUN)
    (run / "metrics.jsonl").write_text("more")
    (run / "checkpoints" / "last" / "arrays.npz").write_text("more")
    publish(run, RUN)
    assert model_version(RUN) == first != model_version(RUN / "checkpoints" / "last")
    (run / "checkpoints" / "best" / "arrays.npz").write_text("better")
    publish(run, RUN)
    assert model_version(RUN) != first


def test_a_version_of_a_plain_copy_changes_with_any_file(run: Path, store: Path) -> None:
    put(run, store, True)
    first = model_version(RUN)
    assert first == model_version(RUN)
    os.utime(store / "s3/bucket/runs/mine/checkpoints/best/arrays.npz", (0, 0))
    assert model_version(RUN) != first
