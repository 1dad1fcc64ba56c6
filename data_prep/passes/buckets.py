"""Histogram of sentence lengths -> bucket edges with the least padding."""

from __future__ import annotations

import numpy as np


def optimal_edges(histogram_L: np.ndarray, num_buckets: int) -> list[int]:
    """Upper edges of at most `num_buckets` buckets that minimise padding to the edges, exactly.

    histogram_L[n] sentences have n tokens; padding is the sum of edge - length over all sentences. Dynamic programming
    over the D lengths that occur: the best b buckets that end at a length extend the best b - 1 buckets that end at a
    shorter one. Time O(buckets * D^2).
    """
    if num_buckets < 1:
        raise ValueError(f"{num_buckets} buckets, expected at least 1")
    length_D = np.flatnonzero(histogram_L)
    if not len(length_D):
        raise ValueError("no sentences, so no bucket edges")
    num_lengths = len(length_D)
    num_buckets = min(num_buckets, num_lengths)
    # Sentences and tokens before the d-th length.
    sentences_D = np.concatenate([[0], np.cumsum(histogram_L[length_D])]).astype(np.int64)
    tokens_D = np.concatenate([[0], np.cumsum(histogram_L[length_D] * length_D)]).astype(np.int64)

    unreachable = np.iinfo(np.int64).max // 2
    # best[b, d]: least padding of the first d lengths in exactly b buckets; last[b, d]: where the last one begins.
    best = np.full((num_buckets + 1, num_lengths + 1), unreachable, np.int64)
    last = np.zeros((num_buckets + 1, num_lengths + 1), np.int64)
    best[0, 0] = 0
    for d in range(1, num_lengths + 1):
        padding_D = length_D[d - 1] * (sentences_D[d] - sentences_D[:d]) - (tokens_D[d] - tokens_D[:d])
        total_BD = best[:-1, :d] + padding_D
        last[1:, d] = total_BD.argmin(1)
        best[1:, d] = np.minimum(total_BD.min(1), unreachable)
    edges, d = [], num_lengths
    for bucket in range(num_buckets, 0, -1):
        edges.append(int(length_D[d - 1]))
        d = int(last[bucket, d])
    return edges[::-1]


def bucket_ids(length_N: np.ndarray, edges: list[int]) -> np.ndarray:
    """Bucket of each length: edges[b - 1] < length <= edges[b]."""
    return np.searchsorted(edges, length_N, side="left")


def padding_share(histogram_L: np.ndarray, edges: list[int]) -> float:
    """Fraction of slots, 0 to 1, that is padding if every sentence is padded to its bucket's edge."""
    length_D = np.flatnonzero(histogram_L)
    slots = int((histogram_L[length_D] * np.array(edges)[bucket_ids(length_D, edges)]).sum())
    return 1 - int((histogram_L[length_D] * length_D).sum()) / slots if slots else 0.0
