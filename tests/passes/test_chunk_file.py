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


@pytest.mark.parametrize("wide", [1 << 40, 1 << 31, -(1 << 31) - 1])
def test_arrays_with_values_beyond_32_bits_are_stored_in_64(tmp_path: Path, wide: int) -> None:
    place = np.array([wide, 3])
    with (tmp_path / "chunks").open("wb") as file:
        append_chunk(file, [np.array([True, False]), place, np.array([7])])
        append_chunk(file, [np.zeros(0, np.int32), place[:0], np.array([8], np.uint8), np.array([9], np.uint32)])
    first, second = read_chunks(tmp_path / "chunks")
    assert [array.tolist() for array in first] == [[1, 0], [wide, 3], [7]]
    assert [array.dtype for array in first] == [np.int32, np.int64, np.int32]
    assert [array.tolist() for array in second] == [[], [], [8], [9]]
