"""Chunks of arrays come back as they were appended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes.chunk_file import append_chunk, read_chunks

INT32 = st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=5)


@given(chunks=st.lists(st.lists(INT32, max_size=4), max_size=4))
def test_arrays_come_back_chunk_by_chunk(
    chunks: list[list[list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "chunks"
    with path.open("wb") as file:
        for chunk in chunks:
            append_chunk(file, [np.array(values, np.int64) for values in chunk])
    found = list(read_chunks(path))
    assert [[array.tolist() for array in chunk] for chunk in found] == chunks
    assert {array.dtype for chunk in found for array in chunk} <= {np.dtype(np.int32)}


def test_wide_arrays_hold_what_32_bits_do_not(tmp_path: Path) -> None:
    place = np.array([1 << 40, 3])
    with (tmp_path / "chunks").open("wb") as file:
        append_chunk(file, [np.array([True, False]), place, np.array([7])], wide=(1,))
        append_chunk(file, [np.zeros(0, np.int32), place[:0], np.array([8], np.uint8)], wide=(1,))
    first, second = read_chunks(tmp_path / "chunks")
    assert [array.tolist() for array in first] == [[1, 0], [1 << 40, 3], [7]]
    assert [array.dtype for array in first] == [np.int32, np.int64, np.int32]
    assert [array.tolist() for array in second] == [[], [], [8]]
