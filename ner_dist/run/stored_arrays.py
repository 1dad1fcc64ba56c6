"""A checkpoint's arrays: whether they are those of its model, by name, type and shape, and numbers all of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.foreign.arrays import read_npz
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.names import shortened
from ner_dist.model.parameter_shapes import parameter_shapes, word_shape

# Values of an array that are looked at together.
_AT_ONCE = 1 << 20


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Like np.savez, which on a full disk leaves its file open, whose closing then prints one more error."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[no-untyped-call]


def read_arrays(path: Path, config: Config, index: Index) -> dict[str, np.ndarray]:
    """Raises ForeignFileError if they are not what training a model of this configuration on this index saves.

    Of the optimizer's state, only the shapes are known here: require_state_of compares it with the optimizer's.
    """
    shapes: dict[str, tuple[int, ...]] = parameter_shapes(config, index)
    needed = {"words": word_shape(config, index), **{f"parameter/{name}": shape for name, shape in shapes.items()}}
    averaged = {"average_words": needed["words"], **{f"average/{name}": shape for name, shape in shapes.items()}}
    found = read_npz(path)
    missing = (needed.keys() | (averaged.keys() if "average_words" in found else set())) - found.keys()
    if missing:
        raise ForeignFileError(f"{path}: has no array {shortened(min(missing))}, which its configuration asks for")
    for name, array in found.items():
        kind, _, rest = name.partition("/")
        expected = needed.get(name) or averaged.get(name)
        if kind == "state" and rest.partition("/")[0].isdecimal():
            expected = shapes.get(rest.partition("/")[2])
        elif kind == "words_state" and rest.isdecimal():
            expected = needed["words"]
        elif kind == "rule" or name == "average_steps":
            expected = ()
        _check_array(path, name, array, expected)
    return found


def require_state_of(arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray], path: Path) -> None:
    """Raises ForeignFileError unless the arrays can replace those that a fresh learner of the same model has."""
    if arrays.keys() != expected.keys():
        odd = sorted(arrays.keys() ^ expected.keys())
        raise ForeignFileError(f"{path}: the array {shortened(odd[0])} should be there or should not be there")
    for name, array in arrays.items():
        if array.shape != expected[name].shape:
            raise ForeignFileError(f"{path}: {name} has the shape {array.shape}, expected {expected[name].shape}")


def _check_array(path: Path, name: str, array: np.ndarray, expected: tuple[int, ...] | None) -> None:
    if expected is None:
        raise ForeignFileError(f"{path}: the array {shortened(name)} belongs to no part of its model")
    if array.shape != expected:
        raise ForeignFileError(f"{path}: {name} has the shape {array.shape}, expected {expected} by config and index")
    if expected and array.dtype != np.float32:
        raise ForeignFileError(f"{path}: {name} is of {array.dtype}, expected float32")
    flat = array.reshape(-1)
    for first in range(0, len(flat), _AT_ONCE):
        if not np.isfinite(flat[first : first + _AT_ONCE]).all():
            raise ForeignFileError(f"{path}: {name} has values that are no finite numbers")
