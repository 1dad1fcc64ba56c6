"""Chapters of an epoch: every row in one of them, equal parts, few row groups, other sentences together each epoch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner_dist.contract.shard_format import read_index
from ner_dist.data.chapters import RowSelection, chapter_selections, num_chapter_rows, num_chapters

GROUPS = st.lists(st.integers(1, 9), max_size=12)


def rows_of(selections: list[RowSelection], rows_G: list[int]) -> list[int]:
    """The selected rows, numbered within the bucket."""
    begins = np.cumsum([0, *rows_G])
    found: list[int] = []
    for selection in selections:
        rows = np.arange(rows_G[selection.group]) if selection.rows is None else selection.rows
        assert len(rows) == selection.num_rows > 0
        found += (begins[selection.group] + rows).tolist()
    return found


def chapter(rows_G: list[int], chapters: int, number: int, seed: int = 1, epoch: int = 0) -> list[int]:
    return rows_of(chapter_selections(np.array(rows_G, np.int64), chapters, number, seed, epoch, 3, 2), rows_G)


@settings(max_examples=200)
@given(GROUPS, st.integers(1, 30), st.integers(0, 50), st.integers(0, 5))
@example([], 3, 0, 0)
@example([1], 30, 0, 0)
def test_each_row_is_in_one_chapter(rows_G: list[int], chapters: int, seed: int, epoch: int) -> None:
    parts = [chapter(rows_G, chapters, number, seed, epoch) for number in range(chapters)]
    assert sorted(row for part in parts for row in part) == list(range(sum(rows_G)))
    # As many as the plan says, and in the order of the file.
    assert [len(part) for part in parts] == [
        int(num_chapter_rows(np.array(sum(rows_G)), chapters, number)) for number in range(chapters)
    ]
    assert all(part == sorted(part) for part in parts)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_chapters_are_equal_give_or_take_one(rows: int, chapters: int) -> None:
    sizes = {int(num_chapter_rows(np.array(rows), chapters, number)) for number in range(chapters)}
    assert max(sizes) - min(sizes) <= 1


def test_one_chapter_is_the_file_as_it_lies() -> None:
    for epoch in range(3):
        assert chapter([4, 1, 5], 1, 0, epoch=epoch) == list(range(10))


def test_a_chapter_reads_whole_row_groups_but_for_two() -> None:
    rows_G = np.full(40, 10)
    for number in range(7):
        selections = chapter_selections(rows_G, 7, number, 1, 0, 0, 0)
        assert sum(selection.rows is not None for selection in selections) <= 2
        assert len(selections) <= 40 / 7 + 2


def test_a_chapter_mixes_the_whole_file_and_each_epoch_another_way() -> None:
    base = chapter([5] * 40, 4, 0)
    # A quarter of the rows, from all over the file.
    assert min(base) < 40
    assert max(base) >= 160
    for other in (chapter([5] * 40, 4, 0, seed=2), chapter([5] * 40, 4, 0, epoch=1)):
        assert len(set(other) & set(base)) < 45
    assert chapter([5] * 40, 4, 0) == base


def test_rows_of_one_row_group_are_divided_at_random() -> None:
    first = [tuple(chapter([12], 3, 0, epoch=epoch)) for epoch in range(300)]
    assert len(set(first)) > 150
    # Each row is as often in the first chapter as any other.
    counts = np.bincount([row for rows in first for row in rows], minlength=12)
    assert counts.min() > 60


@pytest.mark.parametrize("split", ["train", "train+dev"])
def test_chapters_are_as_many_as_the_largest_shard_needs(synth_shards: Path, split: str) -> None:
    index = read_index(synth_shards)
    assert num_chapters(index, split, 0) == 1
    assert num_chapters(index, split, 1000) == 1
    parts = [index.splits[part] for part in split.split("+")]
    # 4 bytes each for word and spelling, 1 for the tag and for each of caps and pos; 32 a sentence.
    largest = max(sum(11 * sum(file.tokens) + 32 * sum(file.rows) for file in files) for files in zip(*parts))
    assert num_chapters(index, split, largest / 2**20) == 1
    assert num_chapters(index, split, (largest - 1) / 2**20) == 2
    assert num_chapters(index, split, largest / 2**20 / 7.5) == 8


def test_more_sentences_make_more_chapters_of_the_same_size(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    larger = [
        dataclasses.replace(file, rows=[4 * n for n in file.rows], tokens=[4 * n for n in file.tokens])
        for file in index.splits["train"]
    ]
    memory_mb = 0.001
    few = num_chapters(index, "train", memory_mb)
    many = num_chapters(dataclasses.replace(index, splits={"train": larger}), "train", memory_mb)
    assert 4 * (few - 1) < many <= 4 * few
