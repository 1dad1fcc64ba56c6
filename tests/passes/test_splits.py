"""Splits by hash: exact cuts and counts of copies, however few hashes are sorted at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.passes import splits
from data_prep.passes.splits import SplitChooser, count_duplicates
from data_prep.problems import Problems
from data_prep.settings import Settings


class FakeCorpus:
    def __init__(self, path: Path, hash_N: np.ndarray, sentences_by_source: list[int]):
        self.hash_path, self.sentences_by_source = path, sentences_by_source
        hash_N.tofile(path)


def hashes(num_distinct: int, num_sentences: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.choice(rng.integers(0, 1 << 64, num_distinct, np.uint64), num_sentences)


def choose(path: Path, hash_N: np.ndarray, sentences_by_source: list[int], **knobs: Any) -> SplitChooser:
    return SplitChooser(FakeCorpus(path, hash_N, sentences_by_source), Settings(**knobs))  # type: ignore[arg-type]


@pytest.mark.parametrize("num_distinct", [1, 7, 900, 100_000])
def test_the_cuts_are_those_of_all_hashes_in_order(tmp_path: Path, num_distinct: int) -> None:
    hash_N = hashes(num_distinct, 1000)
    chooser = choose(tmp_path / "hashes", hash_N, [1000], split=(0.7, 0.2, 0.1))
    assert chooser.thresholds.tolist() == np.sort(hash_N)[[700, 900]].tolist()
    split_N = np.concatenate([chooser.next_ids(n) for n in (1, 600, 399)])
    assert split_N.tolist() == np.searchsorted(chooser.thresholds, hash_N, side="right").tolist()


@pytest.mark.parametrize("sentences_by_source", [[1000], [600, 0, 400]])
def test_copies_are_counted_the_same_however_few_hashes_are_sorted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences_by_source: list[int]
) -> None:
    hash_N = hashes(700, 1000)
    found = []
    for max_sorted, max_read in ((1000, 1000), (13, 7)):
        monkeypatch.setattr(splits, "MAX_SORTED", max_sorted)
        monkeypatch.setattr(splits, "MAX_READ", max_read)
        problems = Problems()
        count_duplicates(choose(tmp_path / "hashes", hash_N, sentences_by_source), ["train", "dev", "test"], problems)
        found.append((problems.warnings, problems.warning_lines))
    assert found[0] == found[1]
    copies = sum(count for name, count in found[0][0].items() if name.startswith("duplicates_within"))
    if sentences_by_source == [1000]:
        assert copies == found[0][0]["duplicate_sentences_kept_together"] == 1000 - len(np.unique(hash_N))
        assert not [name for name in found[0][0] if name.endswith("sentences_in_train")]
    else:
        parts = hash_N[:600], hash_N[600:]
        assert copies == sum(len(part) - len(np.unique(part)) for part in parts)
        assert found[0][0]["test_sentences_in_train"] == np.isin(parts[1], parts[0]).sum()
