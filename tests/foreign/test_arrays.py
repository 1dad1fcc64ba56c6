"""NumPy's files are read as numpy reads them, or refused before anything is allocated."""

from __future__ import annotations

import contextlib
import io
import random
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ner_dist.foreign.arrays import read_npy, read_npz
from ner_dist.foreign.errors import ForeignFileError

ARRAYS = {
    "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "other bytes": np.arange(3, dtype=">i4"),
    "scalar": np.array(2.5),
    "no rows": np.zeros((0, 4)),
    "truth": np.array([True, False]),
}


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(text: str, values: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1") + values


@pytest.mark.parametrize("name", ARRAYS)
def test_what_numpy_writes_comes_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, ARRAYS[name])
    for mapped in (False, True):
        found = read_npy(path, mapped)
        np.testing.assert_array_equal(found, ARRAYS[name])
        assert (found.dtype, found.shape) == (ARRAYS[name].dtype, ARRAYS[name].shape)


def test_an_archive_comes_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{name.replace(" ", "/"): array for name, array in ARRAYS.items()})
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == [name.replace(" ", "/") for name in ARRAYS]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name.replace(" ", "/")], array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        npy(ARRAYS["matrix"])[:30],
        npy(ARRAYS["matrix"])[:-1],
        npy(ARRAYS["matrix"]) + b"x",
        npy(np.array(["text"])),
        npy(np.array([1 + 2j])),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000), }\n"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1000000000000000000000), }\n"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }\n", bytes(4)),
        with_header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }\n", bytes(4)),
        with_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", bytes(8)),
        with_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", bytes(4)),
        with_header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,), }\n", bytes(4)),
        with_header("{'descr': '<f4', 'shape': (1,), }\n", bytes(4)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}\n", bytes(4)),
        with_header("(" * 3000),
        with_header("-" * 3000 + "1"),
        with_header("[1, 2]"),
        with_header("__import__('os')"),
        b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little"),
        b"\x93NUMPY\x09\x00\x10\x00",
    ],
)
def test_everything_else_is_refused_before_memory_is_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ForeignFileError, match=r"a\.npy: not a complete \.npy file of numbers"):
        read_npy(path)
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()


def test_archives_that_claim_or_hide_anything_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"

    def write(method: int, names: list[str], content: bytes) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for name in names:
                archive.writestr(name, content)

    for method, names, message in (
        (zipfile.ZIP_DEFLATED, ["a.npy"], "'a.npy' is not an array that is stored as it is"),
        (zipfile.ZIP_STORED, ["a.txt"], "'a.txt' is not an array"),
        (zipfile.ZIP_STORED, ["a.npy", "a.npy"], "the name of an array occurs twice"),
    ):
        with warnings.catch_warnings():
            # Of the name that occurs twice.
            warnings.simplefilter("ignore")
            write(method, names, npy(ARRAYS["matrix"]))
        with pytest.raises(ForeignFileError, match=message):
            read_npz(path)


def test_random_damage_of_an_archive_is_never_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=ARRAYS["matrix"], b=ARRAYS["columns"])
    whole, chance = path.read_bytes(), random.Random(3)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 3)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged[: chance.randrange(len(damaged))] if chance.random() < 0.2 else damaged)
        with contextlib.suppress(ForeignFileError):
            read_npz(path)
