"""Documents that are in several splits: of the same name or text, or nearly so; memory hardly grows with the corpus.

Axes: N sentences of a block, D documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

# A document of dev or test is nearly one of train if it has so many sentences, and this share of them occurs there.
MIN_SENTENCES, MIN_SHARE = 5, 0.8
# Hashes to sort at once, and how often they are read at most.
MAX_SORTED, MAX_RANGES = 1 << 18, 64
# Documents that are found at most.
MAX_FOUND = 20_000
TRAIN = 0


class SplitHashes(NamedTuple):
    """The next N sentences of the corpus: hashes of their texts and of their documents, uint64, and their splits.

    A sentence without a document has its own hash for that of the document.
    """

    hash_N: np.ndarray
    document_N: np.ndarray
    split_N: np.ndarray


class Leaks(NamedTuple):
    """Hashes of documents, sorted."""

    # In several splits.
    shared: np.ndarray
    # In dev or test, with most of their sentences in train, too.
    nearly: np.ndarray


def find_leaks(read: Callable[[], Iterator[SplitHashes]], num_sentences: int, num_splits: int) -> Leaks:
    """read: yields all sentences; it is called several times."""
    num_ranges = max(1, min(MAX_RANGES, -(-num_sentences // MAX_SORTED)))
    in_train = _occurs_in_train(read, num_sentences, num_ranges)
    shared, nearly = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for part in range(num_ranges):
        by_split: list[list[np.ndarray]] = [[] for _ in range(num_splits)]
        copied: list[np.ndarray] = []
        first = 0
        for hash_N, document_N, split_N in read():
            mine = np.flatnonzero((document_N != hash_N) & (document_N % np.uint64(num_ranges) == part))
            for split_id, found in enumerate(by_split):
                found.append(document_N[mine[split_N[mine] == split_id]])
            copied.append(document_N[mine[in_train[first + mine] & (split_N[mine] != TRAIN)]])
            first += len(hash_N)
        documents = [np.unique(np.concatenate(found), return_counts=True) for found in by_split]
        everywhere, in_splits = np.unique(np.concatenate([some for some, _ in documents]), return_counts=True)
        shared.append(everywhere[in_splits > 1])
        of_others = [pair for split_id, pair in enumerate(documents) if split_id != TRAIN]
        nearly.append(_mostly_copied(of_others, np.concatenate(copied)))
    shared_D = np.sort(np.concatenate(shared))
    nearly_D = np.setdiff1d(np.concatenate(nearly), shared_D)
    return Leaks(shared_D[:MAX_FOUND], nearly_D[:MAX_FOUND])


def _occurs_in_train(read: Callable[[], Iterator[SplitHashes]], num_sentences: int, num_ranges: int) -> np.ndarray:
    """Whether each sentence of dev and test also occurs in train: bool, by number; False of those of train."""
    occurs = np.zeros(num_sentences, bool)
    for part in range(num_ranges):
        train, others, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        first = 0
        for hash_N, _, split_N in read():
            is_mine, is_train = hash_N % np.uint64(num_ranges) == part, split_N == TRAIN
            train.append(hash_N[is_mine & is_train])
            others.append(hash_N[is_mine & ~is_train])
            places.append(first + np.flatnonzero(is_mine & ~is_train))
            first += len(hash_N)
        occurs[np.concatenate(places)] = np.isin(np.concatenate(others), np.unique(np.concatenate(train)))
    return occurs


def _mostly_copied(documents: list[tuple[np.ndarray, np.ndarray]], copied: np.ndarray) -> np.ndarray:
    """documents: hashes with numbers of sentences, by split. copied: the document of each sentence that is in train."""
    copied_D, times_D = np.unique(copied, return_counts=True)
    found = [np.zeros(0, np.uint64)]
    for hash_D, size_D in documents:
        _, here, there = np.intersect1d(hash_D, copied_D, return_indices=True)
        enough = (size_D[here] >= MIN_SENTENCES) & (times_D[there] >= MIN_SHARE * size_D[here])
        found.append(hash_D[here[enough]])
    return np.unique(np.concatenate(found))
