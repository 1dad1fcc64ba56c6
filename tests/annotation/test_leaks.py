"""Documents in several splits, by the hashes of sentences and documents."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from data_prep.annotation import leaks
from data_prep.annotation.leaks import SplitHashes, find_leaks


def found(train: dict[int, list[int]], dev: dict[int, list[int]]) -> tuple[list[int], list[int]]:
    """Documents that are shared and nearly so; each split has hashes of documents, with those of their sentences."""
    rows = [
        (hash_, document, split)
        for split, documents in ((0, train), (1, dev))
        for document, some in documents.items()
        for hash_ in some
    ]

    def read() -> Iterator[SplitHashes]:
        # In two blocks.
        for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            hash_N, document_N, split_N = np.array(part, np.int64).reshape(-1, 3).T
            yield SplitHashes(hash_N.astype(np.uint64), document_N.astype(np.uint64), split_N)

    shared, nearly = find_leaks(read, len(rows), 2)
    return shared.tolist(), nearly.tolist()


def test_a_document_in_two_splits_is_shared() -> None:
    assert found({100: [1, 2], 200: [3]}, {100: [4], 300: [5]}) == ([100], [])


def test_a_sentence_without_a_document_is_none() -> None:
    assert found({1: [1], 2: [2]}, {1: [1]}) == ([], [])


def test_a_document_with_most_sentences_in_train_is_nearly_shared() -> None:
    assert found({100: [1, 2, 3, 4, 5]}, {300: [1, 2, 3, 4, 9]}) == ([], [300])


@pytest.mark.parametrize("dev", [{300: [1, 2, 3, 8, 9]}, {300: [1, 2, 3, 4]}])
def test_few_common_sentences_are_chance(dev: dict[int, list[int]]) -> None:
    assert found({100: [1, 2, 3, 4, 5]}, dev) == ([], [])


def test_ranges_of_hashes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train = {100 + i: [1000 + 10 * i + j for j in range(6)] for i in range(9)}
    dev = {103: [1], 107: [2], 500: train[101], 501: [7, 8]}
    expected = found(train, dev)
    assert expected == ([103, 107], [500])
    monkeypatch.setattr(leaks, "MAX_SORTED", 5)
    assert found(train, dev) == expected
