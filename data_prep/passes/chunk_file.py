"""Intermediate files between the passes: chunks of integer arrays, one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np


def append_chunk(file: IO[bytes], arrays: Iterable[np.ndarray]) -> None:
    """Append integer arrays as one chunk, stored as int32."""
    chunk = [np.ascontiguousarray(array, np.int32) for array in arrays]
    file.write(np.array([len(chunk), *(array.size for array in chunk)], np.int64).tobytes())
    for array in chunk:
        file.write(array.tobytes())


def read_chunks(path: Path) -> Iterator[list[np.ndarray]]:
    with open(path, "rb") as file:
        while count := file.read(8):
            sizes = np.frombuffer(file.read(8 * int.from_bytes(count, sys.byteorder)), np.int64)
            yield [np.frombuffer(file.read(4 * int(size)), np.int32) for size in sizes]
