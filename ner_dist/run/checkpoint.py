"""Checkpoints: directories that hold all a continuation or a prediction needs, replaced only as a whole.

A checkpoint is written beside its place and renamed into it; the one before stays until then, and is found
again if the process dies between the two renames.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import yaml

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.shard_format import VECTORS_NAME, Index, file_sha256, read_index, write_index
from ner_dist.errors import UserError

_ARRAYS, _CONFIG, _STATE = "arrays.npz", "config.yaml", "state.json"
_PARTIAL, _PREVIOUS = ".partial", ".previous"


class CheckpointError(UserError):
    """A checkpoint that is absent, damaged, of another run, or that cannot be written."""


@dataclasses.dataclass
class Progress:
    """Where training stands: `step` steps of epoch `epoch` (both from 0) are done, `total_steps` in all."""

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    # Sums over the steps done of this epoch, for its mean loss.
    loss: float = 0.0
    num_sentences: int = 0
    num_tokens: int = 0
    num_slots: int = 0
    # The best dev entity F1 so far, the epoch it came from, and how many epochs have passed since.
    best_f1: float = -1.0
    best_epoch: int = -1
    epochs_since_best: int = 0
    # Epochs without a better one since the learning rate was last reduced, and how often it was.
    epochs_on_plateau: int = 0
    reductions: int = 0
    # Tokens and seconds of all steps, for the throughput.
    trained_tokens: int = 0
    trained_seconds: float = 0.0


@dataclasses.dataclass
class Checkpoint:
    arrays: dict[str, np.ndarray]
    progress: Progress
    config: Config
    index: Index

    def parameters(self) -> dict[str, np.ndarray]:
        """The tagger's parameters to predict with, by structural name: their average, if one was kept."""
        prefix = "average/" if "average_words" in self.arrays else "parameter/"
        return {name[len(prefix) :]: array for name, array in self.arrays.items() if name.startswith(prefix)}

    def words(self) -> np.ndarray:
        """The learnt word embeddings to predict with, (L, D); those of later ids are the pretrained vectors."""
        return self.arrays.get("average_words", self.arrays["words"])


def save(place: Path, checkpoint: Checkpoint, vocab_files: dict[str, bytes]) -> None:
    """Replace the checkpoint at place by this one. Raises CheckpointError, the old one intact, if it cannot.

    vocab_files: the vocabularies of checkpoint.index by their path (shard_format.vocab_files).
    """
    partial, previous = place.with_name(place.name + _PARTIAL), place.with_name(place.name + _PREVIOUS)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "vocab").mkdir(parents=True)
        _write_arrays(partial / _ARRAYS, checkpoint.arrays)
        (partial / _CONFIG).write_text(knobs.to_yaml(checkpoint.config), encoding="utf-8")
        for name, content in vocab_files.items():
            (partial / name).write_bytes(content)
        if (place.parent / VECTORS_NAME).exists():
            _link(place.parent / VECTORS_NAME, partial / VECTORS_NAME)
        write_index(partial, checkpoint.index)
        state = {"progress": dataclasses.asdict(checkpoint.progress), "arrays_sha256": file_sha256(partial / _ARRAYS)}
        (partial / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        for path in [*partial.rglob("*"), partial]:
            _sync(path)
        if place.exists():
            shutil.rmtree(previous, ignore_errors=True)
            os.replace(place, previous)
        os.replace(partial, place)
        _sync(place.parent)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"{place}: the checkpoint could not be written ({error.strerror or error}); the one before is intact; "
            "make room and continue with --train.resume true"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def take_along(shards: Path, checkpoints: Path) -> None:
    """Keep the pretrained vectors of the shards with the checkpoints, each of which links to them."""
    try:
        if not (checkpoints / VECTORS_NAME).exists():
            _link(shards / VECTORS_NAME, checkpoints / VECTORS_NAME)
    except OSError as error:
        raise CheckpointError(
            f"{checkpoints / VECTORS_NAME}: the word vectors could not be written ({error.strerror}); make room"
        ) from error


def _link(source: Path, target: Path) -> None:
    """A second name for a file that nobody changes; a copy where the file system knows no such thing."""
    partial = target.with_name(target.name + _PARTIAL)
    try:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def exists(place: Path) -> bool:
    return place.is_dir() or place.with_name(place.name + _PREVIOUS).is_dir()


def find(place: Path) -> Path:
    """Where the checkpoint of this place lies. Raises CheckpointError if there is none."""
    for path in (place, place.with_name(place.name + _PREVIOUS)):
        if path.is_dir():
            return path
    raise CheckpointError(f"{place}: no checkpoint there; is this the directory of a run?")


def load(place: Path) -> Checkpoint:
    """Read and verify the checkpoint at place. Raises CheckpointError naming what is wrong."""
    place = find(place)
    try:
        state = json.loads((place / _STATE).read_text(encoding="utf-8"))
        found = file_sha256(place / _ARRAYS)
        if found != state["arrays_sha256"]:
            raise CheckpointError(
                f"{place / _ARRAYS}: checksum {found[:12]}..., {_STATE} says {state['arrays_sha256'][:12]}...; "
                "it is damaged: use another checkpoint"
            )
        with np.load(place / _ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        config = knobs.from_dict(yaml.safe_load((place / _CONFIG).read_text(encoding="utf-8")))
        return Checkpoint(arrays, Progress(**state["progress"]), config, read_index(place))
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{place}: not a checkpoint this code can read ({error}); use another one") from error


def require_same_data(checkpoint: Checkpoint, index: Index, shards: Path, place: Path) -> None:
    """Raises CheckpointError if the checkpoint was not trained on these shards."""
    if checkpoint.index.fingerprint() != index.fingerprint():
        raise CheckpointError(
            f"{place}: this run was trained on other shards than those in {shards}; name its own, or another run"
        )


def require_same_knobs(checkpoint: Checkpoint, config: Config, place: Path) -> None:
    """Raises CheckpointError if a knob that decides the result was changed for a continuation."""
    old, new = knobs.flat(checkpoint.config), knobs.flat(config)
    fixed = set(new) - knobs.RESUMABLE
    if config.optimizer.schedule == "cosine":
        # The rate of every step follows from the number of epochs.
        fixed.add("train.epochs")
    changed = [name for name in new if name in fixed and old[name] != new[name]]
    if changed:
        shown = ", ".join(f"{name} {old[name]} -> {new[name]}" for name in changed)
        raise CheckpointError(
            f"{place}: the run was begun with other knobs ({shown}); continue it with those, or choose another --run"
        )


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What np.savez does, which on a full disk leaves its file open and lets it fail once more, for all to see."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[no-untyped-call]


def _sync(path: Path) -> None:
    """Make a file or a directory's entries outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
