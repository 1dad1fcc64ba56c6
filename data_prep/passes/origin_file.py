"""The origins of all sentences, in files, one for each part of the corpus, in the order in which they were read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep.sentences.record import Origin


class OriginWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Bytes that are written.
        self.end = 0

    def append(self, origins: Sequence[bytes] | None, num_sentences: int) -> tuple[np.ndarray, np.ndarray]:
        """Place and size in the file of each of N sentences' origins, int64 (N,); the size is 0 if there is none."""
        if origins is None:
            return np.zeros((2, num_sentences), np.int64)  # type: ignore[return-value]
        size_N = np.array(list(map(len, origins)), np.int64)
        place_N = self.end + np.cumsum(size_N) - size_N
        self._file.write(b"".join(origins))
        self.end += int(size_N.sum())
        return place_N, size_N


class Origins:
    """The files as if they were one. A place is counted from the beginning of the first."""

    def __init__(self, files: Iterable[tuple[Path, int]]) -> None:
        """files: each with its bytes."""
        self._paths, sizes = zip(*files)
        self._begins = np.cumsum([0, *sizes])[:-1]

    def read(self, place_N: np.ndarray, size_N: np.ndarray) -> list[Origin]:
        """The origins at these places, in their order."""
        nothing = Origin()
        if not size_N.any():
            return [nothing] * len(size_N)
        file_N = np.searchsorted(self._begins, place_N, "right") - 1
        found: list[Origin] = []
        with ExitStack() as stack:
            descriptors: dict[int, int] = {}
            for file, place, size in zip(file_N.tolist(), (place_N - self._begins[file_N]).tolist(), size_N.tolist()):
                if size and file not in descriptors:
                    descriptors[file] = stack.enter_context(open(self._paths[file], "rb")).fileno()
                found.append(Origin.from_bytes(os.pread(descriptors[file], size, place)) if size else nothing)
        return found
