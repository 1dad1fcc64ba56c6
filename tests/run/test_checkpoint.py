"""Checkpoints: all or nothing, whatever happens while they are written, and refused if damaged or of another run."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sealed_files

from ner_dist import atomic_file
from ner_dist.config import Config, Data, Model, Optimizer, Train
from ner_dist.contract.shard_format import VERSION, Index, file_sha256, read_index, read_word_vectors, vocab_files
from ner_dist.model.parameter_shapes import parameter_shapes, word_shape
from ner_dist.run import checkpoint, checkpoint_files, stored_arrays
from ner_dist.run.checkpoint import (
    Checkpoint,
    CheckpointError,
    Progress,
    load,
    require_same_data,
    require_same_knobs,
    require_scorable,
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
    model = Model(word_units=2, char_filters=0, features=[], lstm_units=1)
    config = Config(run="runs/ü", model=model, train=Train(seed=number), optimizer=Optimizer(params={"beta1": 0.5}))
    shapes = parameter_shapes(config, index)
    arrays = {
        **{f"parameter/{name}": np.full(shape, number, np.float32) for name, shape in shapes.items()},
        "words": np.full(word_shape(config, index), number + 0.1, np.float32),
        "rule/num_update": np.array(number),
        "rule/m_schedule": np.array(0.1 * number),
        **{f"state/0/{name}": np.zeros(shape, np.float32) for name, shape in shapes.items()},
    }
    return Checkpoint(arrays, Progress(epoch=number, loss=1 / 3, best_f1=0.5), config, index)


@pytest.fixture
def write(place: Path, synth_shards: Path, index: Index) -> Callable[[int], None]:
    """Save the checkpoint of a number at the place."""
    return lambda number: save(place, made(index, number), vocab_files(synth_shards, index))


def assert_holds(place: Path, index: Index, number: int) -> None:
    found, expected = load(place), made(index, number)
    assert (found.progress, found.config, found.index) == (expected.progress, expected.config, index)
    assert found.shards_version == VERSION
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.iterdir())


def test_the_loss_of_the_best_epoch_is_kept_and_may_be_absent(place: Path, index: Index, synth_shards: Path) -> None:
    saved = made(index, 3)
    saved.progress.best_loss = 0.25
    save(place, saved, vocab_files(synth_shards, index))
    assert load(place).progress.best_loss == 0.25
    # As before losses were kept.
    sealed_files.edit(place / "state.json", lambda state: state["progress"].pop("best_loss"))
    assert load(place).progress == made(index, 3).progress


def test_a_checkpoint_comes_back_as_it_was(place: Path, index: Index, write: Callable[[int], None]) -> None:
    assert not checkpoint.exists(place)
    write(3)
    assert checkpoint.exists(place)
    assert_holds(place, index, 3)
    names_of = ["lstm.0.forward_lstm", "lstm.0.backward_lstm", "emission.weight", "emission.bias"]
    assert list(load(place).parameters()) == names_of
    assert checkpoint_files.read_state(place).arrays_sha256 == file_sha256(place / "arrays.npz")
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
            for module, name in ((stored_arrays, "write_arrays"), (os, "replace"), (os, "fsync"), (shutil, "rmtree")):
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
            "arrays": (stored_arrays, "write_arrays", full),
            "write_text": (Path, "write_text", full),
            "write_bytes": (Path, "write_bytes", full),
            "fsync": (os, "fsync", full),
            "replace": (os, "replace", full),
            "second replace": (os, "replace", second_replace),
        }
        patch.setattr(*patched[failing])
        # As on network file systems, where one rename is not enough.
        patch.setattr(atomic_file, "_exchange", lambda one, other: False)
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
    cure = "the one before is intact; make room and continue with --train.resume true"
    with pytest.raises(CheckpointError, match=rf"could not be written \(Not a directory\); {cure}$"):
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
    with pytest.raises(
        CheckpointError, match=r"arrays\.npz: (checksum|has \d+ bytes).*cannot be used: use another one"
    ):
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


def test_a_missing_file_is_said_to_be_missing(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    (place / "arrays.npz").unlink()
    with pytest.raises(CheckpointError, match=r"last/arrays\.npz: is missing, state\.json says \d+ bytes; the checkpo"):
        load(place)


def test_a_state_that_was_changed_by_hand_is_named(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    text = (place / "state.json").read_text()
    (place / "state.json").write_text(text.replace('"epoch": 1', '"epoch": 2'))
    with pytest.raises(CheckpointError) as caught:
        load(place)
    assert str(caught.value).startswith(f"{place / 'state.json'}: ")


def test_the_version_of_the_shards_is_that_of_their_index(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    sealed_files.edit(place / "index.json", lambda index: index.update(version=VERSION - 1))
    _sum_anew(place)
    assert load(place).shards_version == VERSION - 1


def test_progress_of_another_version_is_refused(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    sealed_files.edit(place / "state.json", lambda state: state["progress"].update(moon_phase=0.25))
    with pytest.raises(CheckpointError, match=r"state\.json: the field progress\.moon_phase is unknown"):
        load(place)


def _sum_anew(place: Path) -> None:
    """Let state.json fit the files as they are now, as someone would who has changed them on purpose."""

    def change(state: Any) -> None:
        for file in state["files"]:
            path = place / file["path"]
            file.update(num_bytes=path.stat().st_size, sha256=file_sha256(path))

    sealed_files.edit(place / "state.json", change)


def _with_arrays(place: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    arrays = load(place).arrays
    change(arrays)
    stored_arrays.write_arrays(place / "arrays.npz", arrays)
    _sum_anew(place)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a["parameter/emission.bias"].__setitem__(0, np.nan),
            "emission.bias has values that are no finite n",
        ),
        (lambda a: a["words"].__setitem__((3, 1), np.inf), "words has values that are no finite numbers"),
        (
            lambda a: a.update(words=a["words"][:-1]),
            r"words has the shape \(\d+, 2\), expected \(\d+, 2\) by config and",
        ),
        (
            lambda a: a.update({"parameter/emission.bias": np.zeros((17, 1), np.float32)}),
            r"the shape \(17, 1\), expected",
        ),
        (lambda a: a.update(words=a["words"].astype(np.float64)), "words is of float64, expected float32"),
        (lambda a: a.pop("parameter/emission.bias"), "has no array 'parameter/emission.bias'"),
        (lambda a: a.update(odd=np.zeros(3)), "the array 'odd' belongs to no part of its model"),
        (lambda a: a.update({"state/0/odd": np.zeros(3)}), "the array 'state/0/odd' belongs to no part"),
        (lambda a: a.update(average_words=a["words"]), "has no array 'average"),
        (lambda a: a.update(words=np.array(["x"])), "words.npy: not a complete .npy file of numbers"),
    ],
)
def test_arrays_that_are_not_those_of_the_model_are_refused(
    place: Path, write: Callable[[int], None], change: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    write(1)
    _with_arrays(place, change)
    with pytest.raises(CheckpointError, match=rf"arrays\.npz.*{message}"):
        load(place)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lstm_units: 1", "lstm_units: 100000000000", "lstm_units is 100000000000, expected 0 to 65536"),
        ("lstm_units: 1", "lstm_units: 2", "the shape .* by config and index"),
        ("lstm_units: 1", "lstm_units: one", "the field model.lstm_units is 'one', expected an integer"),
        ("lstm_units: 1", "lstm_units: 1\n  lstm_units: 1", "'lstm_units' is there twice"),
        ("lstm_units: 1", "lstm_unitz: 1", "the field model.lstm_unitz is unknown"),
        ("lstm_units: 1", "lstm_units: .inf", "Out of range float values|infinite"),
        ("name: adam", "name: magic", "the field optimizer.name is 'magic', expected 'adadelta'"),
        ("seed: 1", "seed: 2024-01-01", "not JSON serializable"),
    ],
)
def test_a_configuration_that_is_none_is_refused(
    place: Path, write: Callable[[int], None], old: str, new: str, message: str
) -> None:
    write(1)
    text = (place / "config.yaml").read_text(encoding="utf-8")
    assert old in text
    (place / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.yaml: (checksum|has \d+ bytes)"):
        load(place)
    _sum_anew(place)
    with pytest.raises(CheckpointError, match=message):
        load(place)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["files"].append({"path": "../x", "num_bytes": 1, "sha256": ""}), "'../x' is not a plain name"),
        (lambda s: s["files"].append(s["files"][0]), "files has one twice"),
        (lambda s: s["files"].pop(0), "files has one twice, or lacks arrays.npz"),
        (lambda s: s["files"].pop(), "vocab/word.json.* should not be missing"),
        (lambda s: s.pop("progress"), "the field progress is missing"),
        (lambda s: s["progress"].update(step=-1), "progress.step is -1"),
        (lambda s: s["progress"].update(step=10**20), "progress.step is 100000000000000000000"),
        (lambda s: s.update(version=2), "format and version are .*2.*, this code reads ner-checkpoint, version 1"),
    ],
)
def test_a_state_that_is_none_is_refused(
    place: Path, write: Callable[[int], None], change: Callable[[Any], object], message: str
) -> None:
    write(1)
    sealed_files.edit(place / "state.json", change)
    with pytest.raises(CheckpointError, match=message):
        load(place)


def test_a_damaged_vocabulary_is_noticed(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    path = place / "vocab" / "word.json"
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(CheckpointError, match=r"word\.json: checksum"):
        load(place)


def test_a_state_of_another_optimizer_cannot_be_continued(place: Path, index: Index) -> None:
    saved = made(index, 1)
    checkpoint.require_continuable(saved, made(index, 2).arrays, place)
    other = {**saved.arrays, "state/1/emission.bias": np.zeros(3)}
    with pytest.raises(CheckpointError, match=r"last/arrays\.npz: .*the array 'state/1/emission.bias' should be there"):
        checkpoint.require_continuable(saved, other, place)


def test_a_checkpoint_of_other_shards_is_refused(place: Path, index: Index) -> None:
    saved = made(index, 1)
    require_same_data(saved, index, Path("data/a"), place)
    first, *others = index.splits["train"]
    changed = dataclasses.replace(first, sha256="0" * 64)
    other = dataclasses.replace(index, splits={**index.splits, "train": [changed, *others]})
    with pytest.raises(CheckpointError, match="last: this run was trained on other shards than those in data/b"):
        require_same_data(saved, other, Path("data/b"), place)


def test_a_run_of_an_older_shard_format_is_scored_on_its_corpus_built_anew_but_not_continued(index: Index) -> None:
    old = dataclasses.replace(made(index, 1), shards_version=VERSION - 1)
    first, *others = index.splits["train"]
    built = [dataclasses.replace(first, sha256="0" * 64), *others]
    anew = dataclasses.replace(index, splits={**index.splits, "train": built})
    assert anew.fingerprint() != index.fingerprint()
    where = (Path("data/b"), Path("runs/a/checkpoints/last"))
    require_scorable(old, anew, *where)
    with pytest.raises(
        CheckpointError,
        match=rf"^runs/a/checkpoints/last: .* format version {VERSION - 1}, and those in data/b were built anew in "
        rf"version {VERSION}; .* choose another --run to train on the new shards$",
    ):
        require_same_data(old, anew, *where)
    # Of this format, other bytes are other data; and so is another corpus of any format.
    stats = {split: {**facts, "entities": {"X": 1}} for split, facts in index.stats.items()}
    for saved, other in (
        (made(index, 1), anew),
        *((old, dataclasses.replace(anew, **change)) for change in ({"entity_types": ["X"]}, {"stats": stats})),
    ):
        with pytest.raises(CheckpointError, match=r"^runs/a/.*/last: .* trained on other shards than those in data/b"):
            require_scorable(saved, other, *where)


def test_a_file_that_cannot_be_read_is_named(
    place: Path, write: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(1)

    def failing(original: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def fail(path: Path) -> Any:
            if path.name == "arrays.npz":
                raise OSError(errno.EIO, "Input/output error")
            return original(path)

        return fail

    # Its content alone, and whether it is there.
    for owner, name in ((checkpoint_files, "file_sha256"), (Path, "is_file")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing(getattr(owner, name)))
            with pytest.raises(CheckpointError, match=r"last/arrays\.npz: not readable \(Input/output error\); the ch"):
                load(place)


def test_a_checkpoint_from_before_files_were_listed_is_known_by_its_arrays(
    place: Path, index: Index, write: Callable[[int], None]
) -> None:
    write(1)
    progress = json.loads((place / "state.json").read_text())["progress"]
    for stated, message in ((file_sha256(place / "arrays.npz"), ""), ("0" * 64, r"last/arrays\.npz: checksum")):
        (place / "state.json").write_text(json.dumps({"progress": progress, "arrays_sha256": stated}))
        if message:
            with pytest.raises(CheckpointError, match=message):
                load(place)
        else:
            assert_holds(place, index, 1)
    (place / "state.json").write_text(json.dumps({"progress": {**progress, "epoch": -1}, "arrays_sha256": stated}))
    with pytest.raises(CheckpointError, match=r"last/state\.json: progress\.epoch is -1"):
        load(place)


def test_before_the_first_score_there_is_none_and_losses_may_be_below_0(
    place: Path, index: Index, write: Callable[[int], None]
) -> None:
    write(1)
    state = place / "state.json"
    least = {"best_f1": -1.0, "best_epoch": -1, "loss": -1.0, "best_loss": -1.0}
    sealed_files.edit(state, lambda record: record["progress"].update(least))
    assert {name: getattr(load(place).progress, name) for name in least} == least
    beyond = {"best_f1": -1.5, "best_epoch": -2, "epoch": -1, "total_steps": 1 << 53, "loss": float(1 << 53)}
    for name, value in beyond.items():
        write(1)
        sealed_files.edit(state, lambda record, name=name, value=value: record["progress"].update({name: value}))
        with pytest.raises(CheckpointError, match=rf"last/state\.json: progress\.{name} is "):
            load(place)


def test_both_checksums_of_a_changed_file_are_shown(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    arrays = place / "arrays.npz"
    stated, data = file_sha256(arrays), arrays.read_bytes()
    arrays.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    said = f"arrays.npz: checksum {file_sha256(arrays)[:12]}..., state.json says {stated[:12]}...; the"
    with pytest.raises(CheckpointError, match=re.escape(said)):
        load(place)


def test_vectors_of_a_run_without_vectors_should_not_be_there(place: Path, write: Callable[[int], None]) -> None:
    write(1)
    (place / "vectors.npy").write_bytes(b"x")
    listed = {"path": "vectors.npy", "num_bytes": 1, "sha256": file_sha256(place / "vectors.npy")}
    sealed_files.edit(place / "state.json", lambda state: state["files"].append(listed))
    with pytest.raises(CheckpointError, match=r"state\.json: .*vectors\.npy.* should not be"):
        load(place)


def test_vectors_for_which_there_is_no_room_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"absent/vectors\.npy: the word vectors could not be written \(No such "):
        checkpoint.link_vectors(tmp_path, tmp_path / "absent")


def test_a_changed_knob_that_decides_the_result_is_refused_and_named(place: Path, index: Index) -> None:
    saved = made(index, 1)
    changed = dataclasses.replace(
        saved.config,
        train=dataclasses.replace(saved.config.train, seed=2),
        model=dataclasses.replace(saved.config.model, lstm_units=7),
    )
    with pytest.raises(CheckpointError) as caught:
        require_same_knobs(saved, changed, place)
    assert "(model.lstm_units 1 -> 7, train.seed 1 -> 2)" in str(caught.value)
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


def test_the_checksum_of_the_vectors_is_that_of_the_index(place: Path, rich_shards: Path) -> None:
    index = read_index(rich_shards)
    assert index.vectors is not None
    # Of the same size, and damaged: it must not become what is right.
    (place.parent / "vectors.npy").write_bytes(bytes(index.vectors.num_bytes))
    save(place, made(index, 1), vocab_files(rich_shards, index))
    listed = {file["path"]: file["sha256"] for file in json.loads((place / "state.json").read_text())["files"]}
    assert listed["vectors.npy"] == index.vectors.sha256


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
