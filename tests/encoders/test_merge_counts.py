"""Counts in runs keep the texts that all of them together say, however they are spread over runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.encoders import merge_counts
from data_prep.encoders.merge_counts import MergedCounts, merge_runs, run_of, write_run

# Texts of one to four bytes a character, whose order by code points is not that of UTF-16.
TEXT = st.text(st.sampled_from("ab\u00e9\uffee\U0001f600"), max_size=3)


def write_runs(folder: Path, counted: list[dict[str, int]]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.arrow" for number in range(len(counted))]
    for path, counts in zip(paths, counted):
        write_run(path, run_of(list(counts), list(counts.values())))
    return paths


def merged(folder: Path, counted: list[dict[str, int]], **options: object) -> MergedCounts:
    return merge_counts.merge_counts(write_runs(folder, counted), **options)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    counted=st.lists(st.dictionaries(TEXT, st.integers(0, 4), max_size=12), max_size=6),
    min_count=st.integers(1, 5),
    max_texts=st.none() | st.integers(0, 8),
    always=st.sets(TEXT, max_size=3),
    never=st.sets(TEXT, max_size=3),
    block=st.integers(1, 4),
)
def test_what_is_kept_is_what_all_counts_in_memory_say(
    tmp_path_factory: pytest.TempPathFactory,
    counted: list[dict[str, int]],
    min_count: int,
    max_texts: int | None,
    always: set[str],
    never: set[str],
    block: int,
) -> None:
    sums: Counter[str] = Counter()
    for counts in counted:
        sums.update(counts)
    sums = Counter({text: count for text, count in sums.items() if count})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge_counts, "BLOCK_TEXTS", block)
        options = {"min_count": min_count, "max_texts": max_texts, "always": always, "never": never}
        found = merged(tmp_path_factory.getbasetemp() / "runs", counted, **options)
    in_order = sorted(sums, key=lambda text: (-sums[text], text))
    frequent = [text for text in in_order if sums[text] >= min_count and text not in always | never][:max_texts]
    expected = [text for text in in_order if text in frequent or text in always]
    assert (found.texts, found.counts) == (expected, [sums[text] for text in expected])
    assert (found.num_texts, found.total) == (len(sums), sum(sums.values()))


def test_a_run_of_runs_is_the_same_whatever_they_were(tmp_path: Path) -> None:
    whole = {f"w{i}": 1 << i for i in range(40)}
    halves = [{text: count // 2 for text, count in whole.items()}, {text: -(-c // 2) for text, c in whole.items()}]
    merge_runs(write_runs(tmp_path / "one", [whole]), tmp_path / "one.arrow")
    merge_runs(write_runs(tmp_path / "two", halves), tmp_path / "two.arrow")
    assert (tmp_path / "one.arrow").read_bytes() == (tmp_path / "two.arrow").read_bytes()


def test_counts_beyond_32_bits_add_up(tmp_path: Path) -> None:
    counted = [{"often": 1 << 40, f"own{i:03d}": 1} for i in range(5)]
    found = merged(tmp_path, counted, min_count=2)
    assert (found.texts, found.counts) == (["often"], [5 << 40])
    assert found.total - sum(found.counts) == 5


def test_texts_that_cannot_be_among_the_most_frequent_are_forgotten(tmp_path: Path) -> None:
    num_texts = 1 << 18
    texts = [f"a text that takes some memory {i:07d}" for i in range(num_texts)]
    write_run(tmp_path / "run.arrow", run_of(texts, np.arange(num_texts) + 1))
    del texts
    pa.default_memory_pool().release_unused()
    before, most = pa.total_allocated_bytes(), 0
    kept = merge_counts._MostFrequent(10)
    for block in merge_counts.merged_blocks([tmp_path / "run.arrow"]):
        kept.add(block)
        most = max(most, pa.total_allocated_bytes() - before)
    assert kept.table()["count"].to_pylist() == list(range(num_texts, num_texts - 10, -1))
    # All of it is 12 MB.
    assert most < 6_000_000


def test_runs_in_memory_and_repeated_texts_count_as_well(tmp_path: Path) -> None:
    runs = [run_of(["b", "a", "b"], [1, 2, 3]), write_run(tmp_path / "run.arrow", run_of(["a", "c", "d"], [5, 0, 1]))]
    found = merge_counts.merge_counts(runs)
    assert (found.texts, found.counts) == (["a", "b", "d"], [7, 4, 1])


def test_nothing_merged_is_an_empty_vocabulary(tmp_path: Path) -> None:
    assert merged(tmp_path, []) == merged(tmp_path, [{}, {}]) == MergedCounts([], [], 0, 0)


def test_a_failing_run_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "damaged.arrow").write_bytes(b"ARROW1")
    with pytest.raises((pa.ArrowException, OSError)):
        merge_runs([tmp_path / "damaged.arrow"], tmp_path / "out.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.arrow"]
