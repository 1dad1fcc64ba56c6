"""Checkpoints: directories with everything that continuing or predicting needs, replaced whole (atomic_file.py)."""

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
from ner_dist.atomic_file import latest, sync_tree, whole_directory
from ner_dist.config import Config
from ner_dist.contract.shard_format import (
    VECTORS_NAME,
    VERSION,
    Index,
    file_sha256,
    index_version,
    read_index,
    write_index,
)
from ner_dist.errors import UserError
from ner_dist.run.progress import Progress

_ARRAYS, _CONFIG, _STATE = "arrays.npz", "config.yaml", "state.json"


class CheckpointError(UserError):
    """A checkpoint that is absent, damaged, of another run, or cannot be written."""


@dataclasses.dataclass
class Checkpoint:
    arrays: dict[str, np.ndarray]
    progress: Progress
    config: Config
    index: Index
    # The format version of the shards that it was trained on.
    shards_version: int = VERSION

    def parameters(self) -> dict[str, np.ndarray]:
        """The network's parameters to predict with, by structural name: their average, if one was kept."""
        prefix = "average/" if "average_words" in self.arrays else "parameter/"
        return {name[len(prefix) :]: array for name, array in self.arrays.items() if name.startswith(prefix)}

    def words(self) -> np.ndarray:
        """The trained word embeddings to predict with, (L, D); words of later ids have pretrained vectors alone."""
        return self.arrays.get("average_words", self.arrays["words"])


def save(place: Path, checkpoint: Checkpoint, vocab_files: dict[str, bytes]) -> None:
    """Replace the checkpoint at place by this one. Raises CheckpointError, the old one intact, if it cannot.

    vocab_files: the vocabularies of checkpoint.index by their path (shard_format.vocab_files).
    """
    try:
        with whole_directory(place) as partial:
            (partial / "vocab").mkdir()
            _write_arrays(partial / _ARRAYS, checkpoint.arrays)
            (partial / _CONFIG).write_text(knobs.to_yaml(checkpoint.config), encoding="utf-8")
            for name, content in vocab_files.items():
                (partial / name).write_bytes(content)
            if (place.parent / VECTORS_NAME).exists():
                _link(place.parent / VECTORS_NAME, partial / VECTORS_NAME)
            write_index(partial, checkpoint.index)
            progress = dataclasses.asdict(checkpoint.progress)
            state = {"progress": progress, "arrays_sha256": file_sha256(partial / _ARRAYS)}
            (partial / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
            sync_tree(partial)
    except OSError as error:
        raise CheckpointError(
            f"{place}: the checkpoint could not be written ({error.strerror or error}); the one before is intact; "
            "make room and continue with --train.resume true"
        ) from error


def link_vectors(shards: Path, checkpoints: Path) -> None:
    """Put the pretrained vectors of the shards beside the checkpoints, each of which has a hard link to them."""
    place = checkpoints / VECTORS_NAME
    try:
        if not place.exists():
            _link(shards / VECTORS_NAME, place)
    except OSError as error:
        raise CheckpointError(
            f"{place}: the word vectors could not be written ({error.strerror}); make room"
        ) from error


def _link(source: Path, target: Path) -> None:
    """A hard link to a file that nobody changes; a copy where the file system has no hard links."""
    partial = target.with_name(target.name + ".partial")
    try:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def exists(place: Path) -> bool:
    return latest(place).is_dir()


def find(place: Path) -> Path:
    """Where the checkpoint of this place lies. Raises CheckpointError if there is none."""
    found = latest(place)
    if not found.is_dir():
        raise CheckpointError(f"{place}: no checkpoint there; is this the directory of a run?")
    return found


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
        index = read_index(place, of_checkpoint=True)
        return Checkpoint(arrays, Progress(**state["progress"]), config, index, index_version(place))
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{place}: not a checkpoint this code can read ({error}); use another one") from error


def require_same_data(checkpoint: Checkpoint, index: Index, shards: Path, place: Path) -> None:
    """Raises CheckpointError if the checkpoint was not trained on these shards."""
    if checkpoint.index.fingerprint() == index.fingerprint():
        return
    if checkpoint.shards_version != VERSION and _same_corpus(checkpoint.index, index):
        raise CheckpointError(
            f"{place}: this run was trained on shards of format version {checkpoint.shards_version}, and those in "
            f"{shards} were built anew in version {VERSION}; it can be scored and used, but not continued: choose "
            "another --run to train on the new shards"
        )
    raise CheckpointError(
        f"{place}: this run was trained on other shards than those in {shards}; name its own, or another run"
    )


def require_scorable(checkpoint: Checkpoint, index: Index, shards: Path, place: Path) -> None:
    """Raises CheckpointError unless the checkpoint was trained on these shards or on their corpus in an older format.

    A build in another format version has other bytes, but its sentences and ids are the same.
    """
    if checkpoint.shards_version == VERSION or not _same_corpus(checkpoint.index, index):
        require_same_data(checkpoint, index, shards, place)


def _same_corpus(one: Index, other: Index) -> bool:
    """Whether two builds have the same vocabularies (with counts), types, features, and sizes of all splits."""
    one_parts, other_parts = (
        (i.vocab, i.vectors, i.entity_types, i.features, {split: _sizes(i, split) for split in i.splits})
        for i in (one, other)
    )
    return one_parts == other_parts


def _sizes(index: Index, split: str) -> tuple[int, int, dict[str, int]]:
    return index.num_sentences(split), index.num_tokens(split), index.stats[split]["entities"]


def require_same_knobs(checkpoint: Checkpoint, config: Config, place: Path) -> None:
    """Raises CheckpointError if a knob that decides the result differs from the run to be continued."""
    old, new = knobs.flat(checkpoint.config), knobs.flat(config)
    fixed = set(new) - knobs.RESUMABLE
    if config.optimizer.schedule == "cosine":
        # The rate of every step depends on the number of epochs.
        fixed.add("train.epochs")
    changed = [name for name in new if name in fixed and old[name] != new[name]]
    if changed:
        shown = ", ".join(f"{name} {old[name]} -> {new[name]}" for name in changed)
        raise CheckpointError(
            f"{place}: the run was begun with other knobs ({shown}); continue it with those, or choose another --run"
        )


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Like np.savez, which on a full disk leaves its file open, whose closing then prints one more error."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[no-untyped-call]
