"""Intermediate files between the passes: chunks of integer arrays, one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

# The types of stored arrays.
DTYPES = (np.dtype(np.int32), np.dtype(np.int64))
# A NamedTuple of arrays whose last field is a list of arrays.
Fields = TypeVar("Fields", bound=tuple[Any, ...])


def append_chunk(file: IO[bytes], arrays: Iterable[np.ndarray]) -> None:
    """Append arrays as one chunk, each as int32 if its values allow that: lines and places may be beyond, few are."""
    chunk = [np.ascontiguousarray(array, DTYPES[not _fits_32_bits(array)]) for array in arrays]
    header = [len(chunk)]
    for array in chunk:
        header += [array.size, DTYPES.index(array.dtype)]
    file.write(np.array(header, np.int64).tobytes())
    for array in chunk:
        file.write(array.tobytes())


def _fits_32_bits(array: np.ndarray) -> bool:
    if np.can_cast(array.dtype, DTYPES[0]) or not array.size:
        return True
    limits = np.iinfo(DTYPES[0])
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def read_chunks(path: Path) -> Iterator[list[np.ndarray]]:
    with open(path, "rb") as file:
        while count := file.read(8):
            header = np.frombuffer(file.read(16 * int.from_bytes(count, sys.byteorder)), np.int64).reshape(-1, 2)
            yield [
                np.frombuffer(file.read(DTYPES[kind].itemsize * size), DTYPES[kind]) for size, kind in header.tolist()
            ]


def append_fields(file: IO[bytes], chunk: tuple[Any, ...]) -> None:
    """Append a `Fields` as one chunk."""
    *arrays, others = chunk
    append_chunk(file, [*arrays, *others])


def read_fields(path: Path, kind: type[Fields]) -> Iterator[Fields]:
    """The chunks of a file to which `append_fields` wrote tuples of this kind."""
    num_arrays = len(kind._fields) - 1  # type: ignore[attr-defined]
    for arrays in read_chunks(path):
        yield kind(*arrays[:num_arrays], arrays[num_arrays:])  # type: ignore[call-arg]
