"""Which tokens stand before and after entities of each type, and before and after tokens outside.

Axes: K places, T types, W tokens, or groups of tokens where there are many.
"""

from __future__ import annotations

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.sentences.block import add_counts

# Numbers that are kept for each side.
MAX_NUMBERS = 1 << 21
# So many observations of a neighbour weigh as much as knowing nothing.
DOUBT = 5.0
# How much one neighbour may say: a factor of 20.
MAX_EVIDENCE = 3.0
OUTSIDE = 0


class Contexts:
    """Classes are OUTSIDE and, for a type, its number + 1."""

    def __init__(self, num_types: int, num_tokens: int) -> None:
        self._width = min(num_tokens + 1, max(1, MAX_NUMBERS // (num_types + 1)))
        # Of each side, class and token: how often; and the sum of all types.
        self._counts = np.zeros((2, num_types + 1, self._width), np.int64)
        self._any = np.zeros((2, self._width), np.int64)
        self._edge = num_tokens

    def _sides(self, block: AnnotatedBlock, start_K: np.ndarray, end_K: np.ndarray) -> list[np.ndarray]:
        return [tokens % self._width for tokens in block.neighbours(start_K, end_K, self._edge)]

    def add(self, block: AnnotatedBlock) -> None:
        start_E, end_E, type_E = block.spans
        outside = np.flatnonzero(block.entity_M < 0)
        for start_K, end_K, class_K in (
            (start_E, end_E, type_E.astype(np.int64) + 1),
            (outside, outside + 1, np.full(len(outside), OUTSIDE)),
        ):
            for side, token_K in enumerate(self._sides(block, start_K, end_K)):
                add_counts(self._counts[side].reshape(-1), class_K * self._width + token_K)

    def fix(self) -> None:
        """All blocks are counted."""
        self._any = self._counts[:, 1:].sum(1)

    def evidence_of_entity(self, block: AnnotatedBlock, start_K: np.ndarray, end_K: np.ndarray) -> np.ndarray:
        """How much the neighbours of places outside speak for an entity: the log of a likelihood ratio, (K,)."""
        sides = self._sides(block, start_K, end_K)
        return sum(
            (_evidence(self._any[side], self._counts[side, OUTSIDE], token_K) for side, token_K in enumerate(sides)),
            np.zeros(len(start_K)),
        )

    def evidence_of_type(
        self, block: AnnotatedBlock, start_K: np.ndarray, end_K: np.ndarray, wanted_K: np.ndarray, given_K: np.ndarray
    ) -> np.ndarray:
        """How much the neighbours speak for the wanted types of entities, and against those that they have: (K,)."""
        evidence_K = np.zeros(len(start_K))
        sides = self._sides(block, start_K, end_K)
        for wanted, given in set(zip(wanted_K.tolist(), given_K.tolist())):
            mine = np.flatnonzero((wanted_K == wanted) & (given_K == given))
            for side, token_K in enumerate(sides):
                evidence_K[mine] += _evidence(
                    self._counts[side, wanted + 1], self._counts[side, given + 1], token_K[mine]
                )
        return evidence_K


def _evidence(count_W: np.ndarray, other_W: np.ndarray, token_K: np.ndarray) -> np.ndarray:
    """Smoothed, for the class counted in `count_W`; the places themselves are among those of the other one."""
    total, others = int(count_W.sum(dtype=np.int64)), int(other_W.sum(dtype=np.int64))
    share = total / max(1, total + others)
    for_K = count_W[token_K] + DOUBT * share
    against_K = np.maximum(other_W[token_K] - 1, 0) + DOUBT * (1 - share)
    # Without any observation, this is 0.
    ratio_K = for_K * max(1 - share, 1e-9) / (np.maximum(against_K, 1e-9) * max(share, 1e-9))
    return np.clip(np.log(np.maximum(ratio_K, 1e-9)), -MAX_EVIDENCE, MAX_EVIDENCE)
