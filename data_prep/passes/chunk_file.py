"""Intermediate files between the passes: chunks of integer arrays, one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

# The types of stored arrays: most are tags and features, of which one byte is enough.
DTYPES = tuple(np.dtype(kind) for kind in (np.int8, np.int16, np.int32, np.int64))
# What they are read as, at least.
_READ = np.dtype(np.int32)
# A NamedTuple of arrays whose last field is a list of arrays.
Fields = TypeVar("Fields", bound=tuple[Any, ...])


def append_chunk(file: IO[bytes], arrays: Iterable[np.ndarray]) -> None:
    """Append arrays as one chunk, each of the narrowest type that holds its values."""
    chunk = [np.ascontiguousarray(array, _narrowest(array)) for array in arrays]
    header = [len(chunk)]
    for array in chunk:
        header += [array.size, DTYPES.index(array.dtype)]
    file.write(np.array(header, np.int64).tobytes())
    for array in chunk:
        file.write(array.tobytes())


def _narrowest(array: np.ndarray) -> np.dtype:
    if not array.size:
        return DTYPES[0]
    least, most = int(array.min()), int(array.max())
    limits = [1 << (8 * kind.itemsize - 1) for kind in DTYPES]
    return next(kind for kind, limit in zip(DTYPES, limits) if -limit <= least and most < limit)


def read_chunks(path: Path) -> Iterator[list[np.ndarray]]:
    """Arrays of int32, or int64 if their values need it."""
    with open(path, "rb") as file:
        while count := file.read(8):
            header = np.frombuffer(file.read(16 * int.from_bytes(count, sys.byteorder)), np.int64).reshape(-1, 2)
            chunk = (
                np.frombuffer(file.read(DTYPES[kind].itemsize * size), DTYPES[kind]) for size, kind in header.tolist()
            )
            yield [array.astype(max(array.dtype, _READ), copy=False) for array in chunk]


def append_fields(file: IO[bytes], chunk: tuple[Any, ...]) -> None:
    """Append a `Fields` as one chunk."""
    *arrays, others = chunk
    append_chunk(file, [*arrays, *others])


def read_fields(path: Path, kind: type[Fields]) -> Iterator[Fields]:
    """The chunks of a file to which `append_fields` wrote tuples of this kind."""
    num_arrays = len(kind._fields) - 1  # type: ignore[attr-defined]
    for arrays in read_chunks(path):
        yield kind(*arrays[:num_arrays], arrays[num_arrays:])  # type: ignore[call-arg]
