"""Splits by hash of sentences or documents: exact cuts, however few hashes are sorted at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hashed_corpus import hashed_corpus, hashes, split_ids
from hypothesis import given
from hypothesis import strategies as st

from data_prep.passes import splits
from data_prep.passes.splits import SplitRule, choose_rule
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.shard_format import SPLITS


def choose(folder: Path, hash_N: np.ndarray, document_N: np.ndarray | None = None, **knobs: Any) -> SplitRule:
    """Of a file to be split."""
    return choose_rule(hashed_corpus(folder, hash_N, [len(hash_N)], document_N), list(SPLITS), Settings(**knobs))


@pytest.mark.parametrize("num_distinct", [1, 7, 900, 100_000])
def test_the_cuts_are_those_of_all_hashes_in_order(tmp_path: Path, num_distinct: int) -> None:
    hash_N = hashes(num_distinct, 1000)
    corpus = hashed_corpus(tmp_path, hash_N, [1000])
    rule = choose_rule(corpus, list(SPLITS), Settings(split=(0.7, 0.2, 0.1)))
    assert rule.thresholds.tolist() == np.sort(hash_N)[[700, 900]].tolist()
    splits = rule.of_part(corpus.parts[0])
    split_N = np.concatenate([splits.next_ids(0, n) for n in (1, 600, 399)])
    assert split_N.tolist() == np.searchsorted(rule.thresholds, hash_N, side="right").tolist()


# --- Documents

FRACTIONS = (0.8, 0.1, 0.1)


@given(size_D=st.lists(st.integers(1, 30), min_size=3, max_size=40))
def test_documents_stay_whole_as_near_to_the_fractions_as_they_allow(
    size_D: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    hash_D = np.random.default_rng(sum(size_D)).permutation(len(size_D)).astype(np.uint64) << np.uint64(40)
    document_N, num_sentences = np.repeat(hash_D, size_D), sum(size_D)
    corpus = hashed_corpus(
        tmp_path_factory.getbasetemp(), hashes(num_sentences, num_sentences), [num_sentences], document_N
    )
    rule = choose_rule(corpus, list(SPLITS), Settings(split=FRACTIONS, split_by="document"))
    split_N = split_ids(corpus, rule)
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
        corpus = hashed_corpus(tmp_path, hashes(99, len(document_N)), [len(document_N)], document_N)
        split_N = split_ids(corpus, choose_rule(corpus, list(SPLITS), Settings()))
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
    assert choose(tmp_path, hashes(30, 30), document_N, split_by=split_by).by_document == by_document


@pytest.mark.parametrize(
    ("size_D", "split_by", "num_torn"),
    [([5] * 9, "auto", 9), ([5] * 10, "auto", 0), ([5], "auto", 1), ([1] * 9, "auto", 0), ([5] * 9, "sentence", 0)],
)
def test_documents_that_the_default_splits_are_said(
    tmp_path: Path, size_D: list[int], split_by: str, num_torn: int
) -> None:
    document_N = np.repeat(np.arange(1, 1 + len(size_D), dtype=np.uint64), size_D)
    rule = choose(tmp_path, hashes(999, len(document_N)), document_N, split_by=split_by)
    assert rule.num_torn == num_torn


@pytest.mark.parametrize(("num_documents", "found"), [(0, "no documents"), (1, "1 document"), (2, "2 documents")])
def test_fewer_documents_than_splits_cannot_stay_whole(tmp_path: Path, num_documents: int, found: str) -> None:
    document_N = np.arange(num_documents, dtype=np.uint64)
    message = f"--split-by document, but train.conll has {found} for 3 splits; pass --split-by sentence"
    with pytest.raises(SettingsError, match=message):
        choose(tmp_path, hashes(30, 30), document_N, split_by="document")


def test_files_of_splits_are_not_split_by_document(tmp_path: Path) -> None:
    document_N = np.repeat(np.arange(10, dtype=np.uint64), 3)
    for parts in ([3], [1, 2], [1, 1, 1]):
        corpus = hashed_corpus(tmp_path, hashes(30, 30), [10, 10, 10], document_N, parts)
        rule = choose_rule(corpus, list(SPLITS), Settings())
        assert split_ids(corpus, rule).tolist() == [0] * 10 + [1] * 10 + [2] * 10
