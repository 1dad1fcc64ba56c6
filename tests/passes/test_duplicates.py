"""Copies of sentences are counted the same however few hashes are sorted at once, and in whatever parts they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hashed_corpus import hashed_corpus, hashes

from data_prep.passes import duplicates
from data_prep.passes.duplicates import count_duplicates
from data_prep.passes.splits import choose_rule
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import SPLITS
from ner_dist.engines.one_process import OneProcess


@pytest.mark.parametrize("sentences_by_source", [[1000], [600, 0, 400]])
def test_copies_are_counted_the_same_however_few_hashes_are_sorted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences_by_source: list[int]
) -> None:
    hash_N = hashes(700, 1000)
    found = []
    for max_sorted, max_read in ((1000, 1000), (13, 7)):
        monkeypatch.setattr(duplicates, "MAX_SORTED", max_sorted)
        monkeypatch.setattr(duplicates, "MAX_READ", max_read)
        for parts in ([len(sentences_by_source)], [1] * len(sentences_by_source)):
            corpus, problems = hashed_corpus(tmp_path, hash_N, sentences_by_source, None, parts), Problems()
            rule = choose_rule(corpus, list(SPLITS), Settings())
            count_duplicates(corpus, rule, list(SPLITS), problems, OneProcess())
            found.append((problems.warnings, problems.warning_lines))
    assert found[1:] == found[:1] * 3
    copies = sum(count for name, count in found[0][0].items() if name.startswith("duplicates_within"))
    if sentences_by_source == [1000]:
        assert copies == found[0][0]["duplicate_sentences_kept_together"] == 1000 - len(np.unique(hash_N))
        assert not [name for name in found[0][0] if name.endswith("sentences_in_train")]
    else:
        train, test = hash_N[:600], hash_N[600:]
        assert copies == sum(len(some) - len(np.unique(some)) for some in (train, test))
        assert found[0][0]["test_sentences_in_train"] == np.isin(test, train).sum()


@pytest.mark.parametrize(("num_documents", "num_torn"), [(9, 9), (10, 0), (1, 0)])
def test_documents_that_the_default_splits_are_said(tmp_path: Path, num_documents: int, num_torn: int) -> None:
    document_N = np.repeat(np.arange(1, 1 + num_documents, dtype=np.uint64), 5)
    corpus = hashed_corpus(tmp_path, hashes(999, len(document_N)), [len(document_N)], document_N)
    problems = Problems()
    count_duplicates(corpus, choose_rule(corpus, list(SPLITS), Settings()), list(SPLITS), problems, OneProcess())
    assert problems.warnings.get("documents_split", 0) == num_torn
