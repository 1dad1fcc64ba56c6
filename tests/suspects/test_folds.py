"""Folds: what stays together, and how even they are."""

from __future__ import annotations

import numpy as np

from data_prep.suspects.folds import assign_folds, group_sentences


def texts(*words: str) -> list[tuple[str, ...]]:
    return [tuple(text.split()) for text in words]


def test_sentences_of_a_document_stay_together_also_apart_from_one_another() -> None:
    documents = list("abcdefghijabcdefghij")
    group_N = group_sentences(documents, [(str(n),) for n in range(20)], 5)
    assert group_N[:10].tolist() == group_N[10:].tolist()
    assert len(set(group_N.tolist())) == 10


def test_documents_that_are_too_few_are_torn() -> None:
    assert len(set(group_sentences(["a", "b"] * 10, [(str(n),) for n in range(20)], 2).tolist())) == 20


def test_a_sentence_without_a_document_is_alone() -> None:
    assert len(set(group_sentences([None] * 20, [(str(n),) for n in range(20)], 2).tolist())) == 20


def test_copies_stay_together_as_long_as_they_do_not_join_everything() -> None:
    words = ["the same long sentence"] * 3 + ["."] * 30 + [f"sentence {n}" for n in range(67)]
    group_N = group_sentences([None] * 100, texts(*words), 2)
    assert len(set(group_N[:3].tolist())) == 1
    # A tenth of a fold at most.
    assert np.bincount(group_N).max() == 5


def test_folds_are_even_and_depend_on_the_seed_alone() -> None:
    group_N = np.repeat(np.arange(30), np.arange(30) % 3 + 1)
    fold_N = assign_folds(group_N, 4, (0, 1))
    assert np.ptp(np.bincount(fold_N)) <= 1
    assert all(len(set(fold_N[group_N == group].tolist())) == 1 for group in range(30))
    assert fold_N.tolist() == assign_folds(group_N, 4, (0, 1)).tolist()
    assert fold_N.tolist() != assign_folds(group_N, 4, (0, 2)).tolist()
