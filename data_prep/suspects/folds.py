"""Which fold a sentence belongs to: whole documents, and copies of a sentence together where possible.

Axes: N sentences, G groups of sentences that stay together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from data_prep.passes.splits import MIN_DOCUMENTS

# Copies join their documents up to this share of a fold: common short sentences would join everything.
MAX_JOINED = 0.1


def group_sentences(documents: Sequence[Hashable], texts: Sequence[tuple[str, ...]], num_folds: int) -> np.ndarray:
    """Groups of sentences of the same document or with the same tokens: the number of each one's group, (N,).

    documents: that of each sentence, None if it has none.
    """
    groups = _Groups(len(texts))
    if len(set(documents) - {None}) >= max(MIN_DOCUMENTS, 2 * num_folds):
        first_of: dict[Hashable, int] = {}
        for n, document in enumerate(documents):
            if document is not None:
                groups.join(first_of.setdefault(document, n), n)
    most = int(MAX_JOINED * len(texts) / num_folds)
    first_with: dict[tuple[str, ...], int] = {}
    # The longest first: a copy of them is hardly ever chance.
    for n in sorted(range(len(texts)), key=lambda n: -len(texts[n])):
        groups.join(first_with.setdefault(texts[n], n), n, max(most, 1))
    return np.unique([groups.root(n) for n in range(len(texts))], return_inverse=True)[1].ravel()


def assign_folds(group_N: np.ndarray, num_folds: int, seed: Sequence[int]) -> np.ndarray:
    """The fold of each sentence, (N,): groups in random order, the largest first, each to the smallest fold."""
    size_G = np.bincount(group_N)
    order_G = np.random.default_rng(seed).permutation(len(size_G))
    order_G = order_G[np.argsort(-size_G[order_G], kind="stable")]
    fold_G, sizes = np.zeros(len(size_G), np.int64), [0] * num_folds
    for group in order_G.tolist():
        fold_G[group] = fold = sizes.index(min(sizes))
        sizes[fold] += int(size_G[group])
    return fold_G[group_N]


class _Groups:
    """Disjoint sets of the numbers 0 .. N - 1."""

    def __init__(self, num: int) -> None:
        self._parent = list(range(num))
        self._size = [1] * num

    def root(self, n: int) -> int:
        while self._parent[n] != n:
            self._parent[n] = n = self._parent[self._parent[n]]
        return n

    def join(self, a: int, b: int, most: float = np.inf) -> None:
        """Make one group of two, unless it would have more members than this."""
        a, b = sorted((self.root(a), self.root(b)))
        if a != b and self._size[a] + self._size[b] <= most:
            self._parent[b] = a
            self._size[a] += self._size[b]
