"""Quotes tell where rows of CSV begin, or that they do not tell it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.passes.quoted_rows import QuoteLook, Quotes, begin_inside, next_row

# Rows whose fields hold what is special in CSV, written as they ought to be; and anything.
FIELDS = st.text('a,;"\n\r', max_size=4)
WELL_WRITTEN = st.lists(st.lists(FIELDS, min_size=1, max_size=3), max_size=6)
ANYTHING = st.text('a,"\n\r\0', max_size=30)


def written(rows: list[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def in_blocks(data: bytes, size: int, follows: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size], (data + follows)[begin + size : begin + size + 2]


def look(data: bytes, begin: int, end: int, size: int) -> Quotes:
    found = QuoteLook(",", data[begin - 1 : begin] if begin else b"")
    for block, ahead in in_blocks(data[begin:end], size, data[end:]):
        found.add(block, ahead)
    return found.found


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@given(
    text=WELL_WRITTEN.map(written) | ANYTHING,
    borders=st.sets(st.integers(1, 30)),
    size=st.integers(1, 40),
)
@example(text='a,"b\nc"\nd\n', borders={4, 6}, size=3)
def test_rows_begin_where_quotes_say_so(text: str, borders: set[int], size: int) -> None:
    data = text.encode()
    edges = [0, *sorted(edge for edge in borders if edge < len(data)), len(data)]
    looks = [look(data, begin, end, size) for begin, end in zip(edges, edges[1:])]
    inside = begin_inside(looks)
    if inside is None:
        return
    rows = rows_of(text)
    for begin, is_inside in zip(edges, inside):
        found = next_row(in_blocks(data[begin:], size), is_inside)
        if found is not None:
            place = begin + found
            assert rows_of(text[:place]) + rows_of(text[place:]) == rows


@given(WELL_WRITTEN, st.integers(1, 40))
def test_quotes_of_what_a_program_writes_are_clear(rows: list[list[str]], size: int) -> None:
    data = written([[field.replace("\r", "") for field in row] for row in rows]).encode()
    assert begin_inside([look(data, 0, len(data), size)]) == [False]


@pytest.mark.parametrize("text", ['a"b,c\n', '"a"b,c\n', ' "a"\n', '"a\n', '"a\rb"\n', 'a\0,"b"\n', '"a";"b"\n'])
def test_other_quotes_are_not(text: str) -> None:
    data = text.encode()
    assert begin_inside([look(data, 0, len(data), 3)]) is None
