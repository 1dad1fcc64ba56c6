"""Splits by hash of sentences or documents: exact cuts and counts of copies, however few hashes are sorted at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes import splits
from data_prep.passes.splits import SplitChooser, count_duplicates
from data_prep.problems import Problems
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.shard_format import SPLITS


def hashes(num_distinct: int, num_sentences: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.choice(rng.integers(0, 1 << 64, num_distinct, np.uint64), num_sentences)


def choose(
    path: Path,
    hash_N: np.ndarray,
    sentences_by_source: list[int],
    document_N: np.ndarray | None = None,
    **knobs: Any,
) -> SplitChooser:
    """Of a file to be split, or one for each split. document_N: the hash of each sentence's document, if it has one."""
    hash_N.tofile(path)
    document_path = path.with_name("documents")
    documents = np.zeros(0, np.uint64) if document_N is None else document_N
    documents.tofile(document_path)
    num_sentences_D = np.unique(documents, return_counts=True)[1]
    given = SPLITS if len(sentences_by_source) > 1 else SPLITS[:1]
    corpus = SimpleNamespace(
        hash_path=path,
        sources=[
            SimpleNamespace(split=split, num_sentences=size, file=f"{split}.conll")
            for split, size in zip(given, sentences_by_source)
        ],
        documents=SimpleNamespace(
            path=document_path, num_documents=len(num_sentences_D), any_long=any(num_sentences_D > 1)
        ),
    )
    return SplitChooser(corpus, list(SPLITS), Settings(**knobs))  # type: ignore[arg-type]


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


# --- Documents

FRACTIONS = (0.8, 0.1, 0.1)


@given(size_D=st.lists(st.integers(1, 30), min_size=3, max_size=40))
def test_documents_stay_whole_as_near_to_the_fractions_as_they_allow(
    size_D: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    hash_D = np.random.default_rng(sum(size_D)).permutation(len(size_D)).astype(np.uint64) << np.uint64(40)
    document_N, num_sentences = np.repeat(hash_D, size_D), sum(size_D)
    path, hash_N = tmp_path_factory.getbasetemp() / "hashes", hashes(num_sentences, num_sentences)
    chooser = choose(path, hash_N, [num_sentences], document_N, split=FRACTIONS, split_by="document")
    split_N = chooser.next_ids(num_sentences)
    for of_document in np.split(split_N, np.cumsum(size_D)[:-1]):
        assert len({*of_document.tolist()}) == 1
    sizes = np.bincount(split_N, minlength=3)
    assert sizes.min() > 0
    # The documents follow one another by their hashes.
    borders = np.cumsum([0, *np.array(size_D)[np.argsort(hash_D)]])
    wanted = np.round(np.cumsum(FRACTIONS)[:2] * num_sentences)
    nearest = [borders[np.abs(borders - place).argmin()] for place in wanted]
    cuts = np.cumsum(sizes)[:2].tolist()
    assert {*cuts} <= {*borders.tolist()}
    assert cuts == nearest or not 0 < nearest[0] < nearest[1] < num_sentences


def test_of_many_documents_each_split_has_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size_D = np.random.default_rng(0).integers(1, 20, 500).tolist()
    document_N = np.repeat(np.random.default_rng(1).integers(0, 1 << 64, 500, np.uint64), size_D)
    # With so little to be sorted at once the documents are too many to look for the nearest border.
    for max_sorted, max_read in ((1000, 1000), (100, 64)):
        monkeypatch.setattr(splits, "MAX_SORTED", max_sorted)
        monkeypatch.setattr(splits, "MAX_READ", max_read)
        chooser = choose(tmp_path / "h", hashes(99, len(document_N)), [len(document_N)], document_N)
        split_N = chooser.next_ids(len(document_N))
        assert all(len({*split_N[document_N == document].tolist()}) == 1 for document in document_N)
        shares = np.bincount(split_N) / len(split_N)
        assert np.abs(shares - [0.8, 0.1, 0.1]).max() <= 20 / len(document_N)


@pytest.mark.parametrize(
    ("size_D", "split_by", "by_document"),
    [
        ([2] + [1] * 9, "auto", True),
        ([2] + [1] * 8, "auto", False),
        ([2, 1, 1], "document", True),
        ([1] * 30, "auto", False),
        ([1] * 30, "document", True),
        ([20, 10], "auto", False),
        ([5] * 10, "sentence", False),
        ([], "auto", False),
    ],
)
def test_documents_stay_whole_by_default_where_one_has_several_sentences(
    tmp_path: Path, size_D: list[int], split_by: str, by_document: bool
) -> None:
    document_N = np.repeat(np.arange(1, 1 + len(size_D), dtype=np.uint64), size_D)
    assert choose(tmp_path / "h", hashes(30, 30), [30], document_N, split_by=split_by).by_document == by_document


@pytest.mark.parametrize(
    ("size_D", "split_by", "num_torn"),
    [([5] * 9, "auto", 9), ([5] * 10, "auto", 0), ([5], "auto", 0), ([1] * 9, "auto", 0), ([5] * 9, "sentence", 0)],
)
def test_documents_that_the_default_splits_are_said(
    tmp_path: Path, size_D: list[int], split_by: str, num_torn: int
) -> None:
    document_N = np.repeat(np.arange(1, 1 + len(size_D), dtype=np.uint64), size_D)
    chooser = choose(tmp_path / "h", hashes(999, len(document_N)), [len(document_N)], document_N, split_by=split_by)
    problems = Problems()
    count_duplicates(chooser, list(SPLITS), problems)
    assert problems.warnings.get("documents_split", 0) == num_torn


@pytest.mark.parametrize(("num_documents", "found"), [(0, "no documents"), (1, "1 document"), (2, "2 documents")])
def test_fewer_documents_than_splits_cannot_stay_whole(tmp_path: Path, num_documents: int, found: str) -> None:
    document_N = np.arange(num_documents, dtype=np.uint64)
    message = f"--split-by document, but train.conll has {found} for 3 splits; pass --split-by sentence"
    with pytest.raises(SettingsError, match=message):
        choose(tmp_path / "h", hashes(30, 30), [30], document_N, split_by="document")


def test_files_of_splits_are_not_split_by_document(tmp_path: Path) -> None:
    document_N = np.repeat(np.arange(10, dtype=np.uint64), 3)
    chooser = choose(tmp_path / "h", hashes(30, 30), [10, 10, 10], document_N)
    assert chooser.next_ids(30).tolist() == [0] * 10 + [1] * 10 + [2] * 10
