"""Checkpoints: directories with everything that continuing or predicting needs, replaced whole (atomic_file.py)."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from ner_dist import config as knobs
from ner_dist.atomic_file import latest, sync_tree, whole_directory
from ner_dist.config import Config, ConfigError
from ner_dist.contract import shard_format
from ner_dist.contract.shard_format import VECTORS_NAME, VERSION, Index, ShardError, read_stored_index, write_index
from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.names import member
from ner_dist.run import checkpoint_files, stored_arrays
from ner_dist.run.progress import Progress


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
        with whole_directory(place, in_own_folder=True) as partial:
            (partial / "vocab").mkdir()
            stored_arrays.write_arrays(partial / checkpoint_files.ARRAYS, checkpoint.arrays)
            config = knobs.to_yaml(checkpoint.config)
            (partial / checkpoint_files.CONFIG).write_text(config, encoding="utf-8")
            for entry in checkpoint.index.vocab.values():
                member(partial, entry.path).write_bytes(vocab_files[entry.path])
            if (place.parent / VECTORS_NAME).exists():
                _link(place.parent / VECTORS_NAME, partial / VECTORS_NAME)
            write_index(partial, checkpoint.index)
            checkpoint_files.write_state(partial, checkpoint.progress, checkpoint.index)
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
        state = checkpoint_files.read_state(place)
        checkpoint_files.require_files(place, state)
        config = knobs.read_stored(member(place, checkpoint_files.CONFIG))
        index, version = read_stored_index(place)
        checkpoint_files.require_known_files(place, state, index)
        # What they say is checked by those who need them.
        shard_format.vocab_files(place, index)
        arrays = stored_arrays.read_arrays(member(place, checkpoint_files.ARRAYS), config, index)
        return Checkpoint(arrays, state.progress, config, index, version)
    except (ForeignFileError, ShardError, ConfigError) as error:
        raise CheckpointError(f"{error}; the checkpoint {place} cannot be used: use another one") from error


def require_continuable(checkpoint: Checkpoint, state: dict[str, np.ndarray], place: Path) -> None:
    """Raises CheckpointError unless its arrays are of the same names and shapes as a fresh learner's state."""
    try:
        stored_arrays.require_state_of(checkpoint.arrays, state, place / checkpoint_files.ARRAYS)
    except ForeignFileError as error:
        raise CheckpointError(f"{error}; the run cannot be continued: choose another --run") from error


def require_same_data(checkpoint: Checkpoint, index: Index, shards: str | Path, place: Path) -> None:
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
