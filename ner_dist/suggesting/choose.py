"""Uncertain texts -> the few of them to label: each as uncertain as can be while unlike those before it.

Axes: N candidates, D places of their vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pick(NamedTuple):
    candidate: int
    # To the most similar text that is labelled or was picked before it, 0 to 1.
    similarity: float


def choose(
    uncertainty_N: np.ndarray, vector_ND: np.ndarray, labelled_N: np.ndarray, num: int, diversity: float
) -> list[Pick]:
    """Greedily by rank of uncertainty, minus `diversity` times the similarity (maximal marginal relevance).

    labelled_N: each one's similarity to what is labelled. diversity: 0: uncertainty alone. Carbonell & Goldstein 1998.
    """
    value_N, similarity_N = _ranks(uncertainty_N), labelled_N.astype(np.float64)
    picks: list[Pick] = []
    for _ in range(min(num, len(value_N))):
        best = int(np.argmax(value_N - diversity * similarity_N))
        picks.append(Pick(best, min(float(similarity_N[best]), 1.0)))
        value_N[best] = -np.inf
        if diversity:
            similarity_N = np.maximum(similarity_N, vector_ND @ vector_ND[best])
    return picks


def _ranks(uncertainty_N: np.ndarray) -> np.ndarray:
    """0 for the surest to 1 for the most uncertain; of equal ones the first ranks higher."""
    order = np.argsort(-uncertainty_N, kind="stable")
    rank_N = np.empty(len(order))
    rank_N[order] = np.linspace(1, 0, len(order)) if len(order) > 1 else 1.0
    return rank_N
