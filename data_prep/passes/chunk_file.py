"""Intermediate files between the passes: chunks of integer arrays, one after another."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

# The types of stored arrays.
DTYPES = (np.dtype(np.int32), np.dtype(np.int64))


def append_chunk(file: IO[bytes], arrays: Iterable[np.ndarray], wide: Collection[int] = ()) -> None:
    """Append arrays as one chunk, those at the positions `wide` as int64, the others as int32."""
    chunk = [np.ascontiguousarray(array, DTYPES[i in wide]) for i, array in enumerate(arrays)]
    header = [len(chunk)]
    for array in chunk:
        header += [array.size, DTYPES.index(array.dtype)]
    file.write(np.array(header, np.int64).tobytes())
    for array in chunk:
        file.write(array.tobytes())


def read_chunks(path: Path) -> Iterator[list[np.ndarray]]:
    with open(path, "rb") as file:
        while count := file.read(8):
            header = np.frombuffer(file.read(16 * int.from_bytes(count, sys.byteorder)), np.int64).reshape(-1, 2)
            yield [
                np.frombuffer(file.read(DTYPES[kind].itemsize * size), DTYPES[kind]) for size, kind in header.tolist()
            ]
