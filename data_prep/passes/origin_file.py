"""The origins of all sentences in one file, in the order in which they were read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep.sentences.record import Origin


class OriginWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0

    def append(self, origins: Sequence[bytes] | None, num_sentences: int) -> tuple[np.ndarray, np.ndarray]:
        """Place and size in the file of each of N sentences' origins, int64 (N,); the size is 0 if there is none."""
        if origins is None:
            return np.zeros((2, num_sentences), np.int64)  # type: ignore[return-value]
        size_N = np.array(list(map(len, origins)), np.int64)
        place_N = self._end + np.cumsum(size_N) - size_N
        self._file.write(b"".join(origins))
        self._end += int(size_N.sum())
        return place_N, size_N


def read_origins(path: Path, place_N: np.ndarray, size_N: np.ndarray) -> list[Origin]:
    """The origins at these places, in their order."""
    nothing = Origin()
    if not size_N.any():
        return [nothing] * len(size_N)
    with open(path, "rb") as file:
        return [
            Origin.from_bytes(os.pread(file.fileno(), size, place)) if size else nothing
            for place, size in zip(place_N.tolist(), size_N.tolist())
        ]
