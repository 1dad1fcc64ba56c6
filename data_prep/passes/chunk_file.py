"""Chunks of integer arrays on disk, one after another in a file: what lies between the passes over a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np


def append_chunk(file: IO[bytes], arrays: Sequence[np.ndarray]) -> None:
    """Append flat integer arrays, stored as int32, as one chunk."""
    file.write(np.array([array.size for array in arrays], np.int64).tobytes())
    for array in arrays:
        file.write(np.ascontiguousarray(array, np.int32).tobytes())


def read_chunks(path: Path, num_arrays: int) -> Iterator[list[np.ndarray]]:
    """The chunks of a file in order, each as `num_arrays` flat int32 arrays."""
    with open(path, "rb") as file:
        while header := file.read(8 * num_arrays):
            sizes = np.frombuffer(header, np.int64)
            yield [np.frombuffer(file.read(4 * int(size)), np.int32) for size in sizes]
