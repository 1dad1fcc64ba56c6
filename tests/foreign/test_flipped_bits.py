"""A flipped bit in any file that is read back is noticed, or what is read is the same as without it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from read_back import READERS, make_directories

from ner_dist.errors import UserError

# Flips in each kind of directory, of make test and of make test-faults.
FEW, MANY = 40, 2500


@pytest.fixture(scope="module")
def directories(rich_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_directories(tmp_path_factory.mktemp("flipped"), rich_shards)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and same(vars(one), vars(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def flip(place: Path, read: Callable[[Path], Any], number: int, seed: int) -> tuple[int, int]:
    """How many flips were noticed and how many changed nothing. Fails for any other."""
    expected, chance = read(place), random.Random(seed)
    paths = _files(place)
    noticed = harmless = 0
    for i in range(number):
        # Small files as often as large ones.
        path = paths[i % len(paths)]
        whole = path.read_bytes()
        byte, bit = chance.randrange(len(whole)), chance.randrange(8)
        changed = whole[:byte] + bytes([whole[byte] ^ (1 << bit)]) + whole[byte + 1 :]
        try:
            _overwrite(path, changed)
            found = read(place)
        except UserError:
            noticed += 1
        else:
            assert same(expected, found), f"{path}: bit {bit} of byte {byte} was not noticed"
            harmless += 1
        finally:
            _overwrite(path, whole)
    return noticed, harmless


def _files(place: Path) -> list[Path]:
    """Those that are read back. Vectors beside checkpoints are only what later checkpoints are linked to."""
    return sorted(
        p for p in place.rglob("*") if p.is_file() and (p.name, p.parent.name) != ("vectors.npy", "checkpoints")
    )


def _overwrite(path: Path, content: bytes) -> None:
    """In a file of its own: a checkpoint's vectors have other names, too."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("kind", READERS)
def test_a_flipped_bit_is_noticed_or_harmless(directories: dict[str, Path], kind: str) -> None:
    noticed, harmless = flip(directories[kind], READERS[kind], FEW, 1)
    assert (noticed, harmless) == (FEW, 0)


@pytest.mark.faults
@pytest.mark.parametrize("kind", READERS)
def test_many_flipped_bits_are_noticed_or_harmless(directories: dict[str, Path], kind: str) -> None:
    noticed, harmless = flip(directories[kind], READERS[kind], MANY, 2)
    print(f"{kind}: {noticed} of {MANY} noticed, {harmless} harmless")


def test_cut_and_random_files_are_noticed(directories: dict[str, Path]) -> None:
    chance = random.Random(3)
    for kind, read in READERS.items():
        for path in _files(directories[kind])[::3]:
            whole = path.read_bytes()
            for content in (b"", whole[: len(whole) // 2], chance.randbytes(len(whole)), whole + b"\n"):
                _overwrite(path, content)
                with pytest.raises(UserError) as caught:
                    read(directories[kind])
                assert "\n" not in str(caught.value)
            _overwrite(path, whole)
