"""The files of origins: each comes back from its place, in any order."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes.origin_file import Origins, OriginWriter
from data_prep.sentences.record import Origin, Span

# No halves of surrogate pairs, which are no text.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
ORIGINS = st.builds(
    Origin,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.integers(0, 1 << 40),
    st.lists(st.integers(0, 99), max_size=3).map(tuple),
    st.lists(st.builds(Span, st.integers(0, 9), st.integers(10, 99), TEXT), max_size=2).map(tuple),
)


BLOCKS = st.lists(st.none() | st.lists(ORIGINS, min_size=1, max_size=4), max_size=4)


@given(files=st.lists(BLOCKS, min_size=1, max_size=3), order=st.randoms())
def test_origins_come_back_from_their_places(
    files: list[list[list[Origin] | None]], order: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found: list[tuple[int, int]] = []
    sizes: list[tuple[Path, int]] = []
    for number, blocks in enumerate(files):
        path = tmp_path_factory.getbasetemp() / f"origins-{number}"
        begin = sum(size for _, size in sizes)
        with path.open("wb") as file:
            writer = OriginWriter(file)
            for block in blocks:
                stored = None if block is None else [origin.to_bytes() for origin in block]
                place_N, size_N = writer.append(stored, 2 if block is None else len(block))
                found += zip((place_N + begin).tolist(), size_N.tolist())
        sizes.append((path, writer.end))
    # Sentences without an origin, two in a block, have an empty one.
    expected = [origin for blocks in files for block in blocks for origin in block or [Origin()] * 2]
    mixed = list(range(len(found)))
    order.shuffle(mixed)
    place_N, size_N = np.array([found[i] for i in mixed], np.int64).reshape(-1, 2).T
    assert Origins(sizes).read(place_N, size_N) == [expected[i] for i in mixed]


def test_without_origins_the_file_is_not_opened(tmp_path: Path) -> None:
    origins = Origins([(tmp_path / "absent", 0)])
    assert origins.read(np.zeros(2, np.int64), np.zeros(2, np.int64)) == [Origin(), Origin()]
