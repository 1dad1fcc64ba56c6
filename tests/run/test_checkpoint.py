"""Checkpoints: all or nothing, whatever happens while they are written, and refused if damaged or of another run."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ner_dist.config import Config, Data, Model, Optimizer, Train
from ner_dist.contract.shard_format import Index, read_index, read_word_vectors, vocab_files
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import (
    Checkpoint,
    CheckpointError,
    Progress,
    load,
    require_same_data,
    require_same_knobs,
    save,
)


@pytest.fixture
def index(synth_shards: Path) -> Index:
    return read_index(synth_shards)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "last"
    path.parent.mkdir()
    return path


def made(index: Index, number: int) -> Checkpoint:
    """A checkpoint that bears a number everywhere."""
    arrays = {
        "parameter/lstm.0.forward_lstm": np.full(7, number, np.float32),
        "words": np.full((4, 2), number + 0.1, np.float32),
        "rule/num_update": np.array(number),
        "rule/m_schedule": np.array(0.1 * number),
        "state/0/emission.weight": np.zeros((0, 3), np.float32),
    }
    config = Config(run="runs/ü", train=Train(seed=number), optimizer=Optimizer(params={"beta1": 0.5}))
    return Checkpoint(arrays, Progress(epoch=number, loss=1 / 3, best_f1=0.5), config, index)


@pytest.fixture
def write(place: Path, synth_shards: Path, index: Index) -> Callable[[int], None]:
    """Save the checkpoint of a number at the place."""
    return lambda number: save(place, made(index, number), vocab_files(synth_shards, index))


def assert_holds(place: Path, index: Index, number: int) -> None:
    found, expected = load(place), made(index, number)
    assert (found.progress, found.config, found.index) == (expected.progress, expected.config, index)
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.iterdir())


def test_a_checkpoint_comes_back_as_it_was(place: Path, index: Index, write: Callable[[int], None]) -> None:
    assert not checkpoint.exists(place)
    write(3)
    assert checkpoint.exists(place)
    assert_holds(place, index, 3)
    assert list(load(place).parameters()) == ["lstm.0.forward_lstm"]
    assert names(place) == ["last"]


def test_a_checkpoint_holds_all_that_a_prediction_needs(
    place: Path, index: Index, synth_shards: Path, write: Callable[[int], None]
) -> None:
    write(1)
    assert read_index(place) == index
    assert vocab_files(place, index) == vocab_files(synth_shards, index)


def test_a_new_checkpoint_replaces_the_old_one(place: Path, index: Index, write: Callable[[int], None]) -> None:
    for number in (1, 2, 3):
        write(number)
        assert_holds(place, index, number)
    assert names(place) == ["last"]


class Killed(BaseException):
    """Stands for the end of the process: nothing of what follows is done, not even the tidying up."""


class Fuse:
    """Wraps functions: the process ends at the `length`-th call of any of them, and at every call after."""

    def __init__(self, length: int) -> None:
        self.left = length

    def wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return original(*arguments, **named)

        return call


@pytest.mark.parametrize("old", [True, False])
def test_the_end_of_the_process_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(
    place: Path, index: Index, write: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    # The number in the checkpoint that is found, by how long the process lived; 0 for none.
    found: list[int] = []
    complete = False
    while not complete:
        for path in place.parent.iterdir():
            shutil.rmtree(path)
        if old:
            write(1)
        fuse = Fuse(len(found))
        with monkeypatch.context() as patch:
            for module, name in ((checkpoint, "_write_arrays"), (os, "replace"), (os, "fsync"), (shutil, "rmtree")):
                patch.setattr(module, name, fuse.wrap(getattr(module, name)))
            try:
                write(2)
            except Killed:
                pass
            else:
                complete = True
        found.append(load(place).config.train.seed if checkpoint.exists(place) else 0)
        if found[-1]:
            assert_holds(place, index, found[-1])
        # And the next one is written over whatever was left.
        write(5)
        assert_holds(place, index, 5)
        assert names(place) == ["last"]
    # First the old one, from some moment on the new one.
    assert found == sorted(found)
    assert set(found) == {int(old), 2}
    assert len(found) > 8


def test_between_the_two_renames_the_previous_checkpoint_is_found(
    place: Path, index: Index, write: Callable[[int], None]
) -> None:
    write(1)
    place.rename(place.with_name("last.previous"))
    assert checkpoint.exists(place)
    assert_holds(place, index, 1)
    write(2)
    assert_holds(place, index, 2)
    assert names(place) == ["last"]


@pytest.mark.parametrize("failing", ["arrays", "write_text", "write_bytes", "fsync", "replace", "second replace"])
def test_a_full_disk_keeps_the_old_checkpoint_and_leaves_no_part_of_the_new_one(
    place: Path, index: Index, write: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write(1)
    num_replaced = 0

    def full(*arguments: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    def second_replace(source: Path, target: Path) -> None:
        nonlocal num_replaced
        num_replaced += 1
        if num_replaced == 2:
            full()
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patched: dict[str, tuple[Any, str, Callable[..., None]]] = {
            "arrays": (checkpoint, "_write_arrays", full),
            "write_text": (Path, "write_text", full),
            "write_bytes": (Path, "write_bytes", full),
            "fsync": (os, "fsync", full),
            "replace": (os, "replace", full),
            "second replace": (os, "replace", second_replace),
        }
        patch.setattr(*patched[failing])
        with pytest.raises(
            CheckpointError, match=r"last: the checkpoint could not be written \(No space left on device\)"
        ):
            write(2)
    assert_holds(place, index, 1)
    assert not any(name.endswith(".partial") for name in names(place))
    write(3)
    assert_holds(place, index, 3)
    assert names(place) == ["last"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, index: Index) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"could not be written \(Not a directory\)"):
        save(tmp_path / "file" / "last", made(index, 1), {})


def test_an_absent_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path / "checkpoints" / "best")
    expected = f"{tmp_path / 'checkpoints' / 'best'}: no checkpoint there; is this the directory of a run?"
    assert str(caught.value) == expected


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999, 1.0])
def test_damaged_arrays_are_refused(place: Path, write: Callable[[int], None], keep: float) -> None:
    write(1)
    path = place / "arrays.npz"
    whole = path.read_bytes()
    # Cut off, or with one bit flipped.
    flipped = whole[:100] + bytes([whole[100] ^ 4]) + whole[101:]
    path.write_bytes(whole[: int(keep * len(whole))] if keep < 1 else flipped)
    with pytest.raises(CheckpointError, match=r"arrays\.npz: checksum .*it is damaged: use another checkpoint"):
        load(place)


@pytest.mark.parametrize("name", ["arrays.npz", "config.yaml", "state.json", "index.json"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\x00", b"a: b: c", b'"x"'])
def test_every_damaged_or_missing_file_is_one_sentence(
    place: Path, write: Callable[[int], None], name: str, content: bytes | None
) -> None:
    write(1)
    if content is None:
        (place / name).unlink()
    else:
        (place / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load(place)
    assert str(caught.value).startswith(f"{place}")


def test_progress_of_another_version_is_refused(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    state = json.loads((place / "state.json").read_text())
    state["progress"]["moon_phase"] = 0.25
    (place / "state.json").write_text(json.dumps(state))
    with pytest.raises(CheckpointError, match=r"not a checkpoint this code can read .*moon_phase"):
        load(place)


def test_a_checkpoint_of_other_shards_is_refused(place: Path, index: Index) -> None:
    saved = made(index, 1)
    require_same_data(saved, index, Path("data/a"), place)
    first, *others = index.splits["train"]
    changed = dataclasses.replace(first, sha256="0" * 64)
    other = dataclasses.replace(index, splits={**index.splits, "train": [changed, *others]})
    with pytest.raises(CheckpointError, match="last: this run was trained on other shards than those in data/b"):
        require_same_data(saved, other, Path("data/b"), place)


def test_a_changed_knob_that_decides_the_result_is_refused_and_named(place: Path, index: Index) -> None:
    saved = made(index, 1)
    changed = dataclasses.replace(
        saved.config, train=dataclasses.replace(saved.config.train, seed=2), model=Model(lstm_units=7)
    )
    with pytest.raises(CheckpointError) as caught:
        require_same_knobs(saved, changed, place)
    assert "(model.lstm_units 200 -> 7, train.seed 1 -> 2)" in str(caught.value)
    assert "continue it with those, or choose another --run" in str(caught.value)


def test_knobs_of_where_how_long_and_how_often_may_change(place: Path, index: Index) -> None:
    saved = made(index, 1)
    train = dataclasses.replace(
        saved.config.train, epochs=99, patience=3, resume=True, checkpoint_steps=5, log_steps=1, hang_seconds=0.0
    )
    require_same_knobs(saved, dataclasses.replace(saved.config, run="moved", data=Data("moved"), train=train), place)


# --- What was averaged, and the pretrained vectors


def test_the_average_is_what_predictions_are_made_with_if_one_was_kept(index: Index) -> None:
    plain = made(index, 3)
    np.testing.assert_array_equal(plain.words(), plain.arrays["words"])
    average = {"average/lstm.0.forward_lstm": np.full(7, 9, np.float32), "average_words": np.ones((4, 2), np.float32)}
    averaged = dataclasses.replace(plain, arrays={**plain.arrays, **average})
    assert averaged.parameters()["lstm.0.forward_lstm"].tolist() == [9] * 7
    assert (averaged.words() == 1).all()


def test_checkpoints_share_the_pretrained_vectors_and_outlive_the_shards(
    place: Path, rich_shards: Path, tmp_path: Path
) -> None:
    shards = Path(shutil.copytree(rich_shards, tmp_path / "shards"))
    index = read_index(shards)
    content = (shards / "vectors.npy").read_bytes()
    checkpoint.link_vectors(shards, place.parent)
    for number in (1, 2):
        save(place, made(index, number), vocab_files(shards, index))
    checkpoint.link_vectors(shards, place.parent)
    shutil.rmtree(shards)
    assert (place / "vectors.npy").read_bytes() == content
    assert (place / "vectors.npy").stat().st_ino == (place.parent / "vectors.npy").stat().st_ino
    assert read_word_vectors(place, load(place).index).shape[1] == 5
    assert names(place) == ["last", "vectors.npy"]


def test_where_there_are_no_links_the_vectors_are_copied(
    place: Path, rich_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    checkpoint.link_vectors(rich_shards, place.parent)
    assert (place.parent / "vectors.npy").read_bytes() == (rich_shards / "vectors.npy").read_bytes()


def test_a_cosine_schedule_cannot_be_prolonged(place: Path, index: Index) -> None:
    for schedule, refused in (("cosine", True), ("inverse", False)):
        begun = Config(optimizer=Optimizer(schedule=schedule), train=Train(epochs=3))  # type: ignore[arg-type]
        longer = dataclasses.replace(begun, train=Train(epochs=5))
        saved = Checkpoint({}, Progress(), begun, index)
        if refused:
            with pytest.raises(CheckpointError, match=r"train.epochs 3 -> 5"):
                require_same_knobs(saved, longer, place)
        else:
            require_same_knobs(saved, longer, place)
