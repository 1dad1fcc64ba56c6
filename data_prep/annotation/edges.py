"""Which tokens entities begin and end with, and which stand directly outside of them.

Axes: E entities, K of them, V distinct tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.sentences.block import add_counts

LEFT, RIGHT = 0, 1
# The share of its places in which a word that is no part of entities may yet be one.
MAX_INSIDE = 0.02


class Edges:
    def __init__(self, token_V: Sequence[str]) -> None:
        num_tokens = len(token_V)
        # Of each side and token: how often it is the outermost of several tokens of an entity; and how often it stands
        # outside, next to one.
        self._inside, self._outside = np.zeros((2, 2, num_tokens + 1), np.int64)
        # How often each token occurs, how often in entities, and how often before a full stop.
        self._all, self._in_entities, self._before_stop = np.zeros((3, num_tokens + 1), np.int64)
        self._stop = next((i for i, token in enumerate(token_V) if token == "."), -1)
        self._edge = num_tokens

    def add(self, block: AnnotatedBlock) -> None:
        start_E, end_E, _ = block.spans
        is_long = end_E - start_E > 1
        first_E, last_E = block.token_M[start_E[is_long]], block.token_M[end_E[is_long] - 1]
        for side, (inner, outer) in enumerate(
            zip((first_E, last_E), block.neighbours(start_E, end_E, self._edge)),
        ):
            add_counts(self._inside[side], inner)
            add_counts(self._outside[side], outer)

        add_counts(self._all, block.token_M)
        add_counts(self._in_entities, block.token_M[block.entity_M >= 0])
        stops = np.flatnonzero(block.token_M[1:] == self._stop)
        add_counts(self._before_stop, block.token_M[stops])

    def is_outside_word(self, token: int) -> bool:
        """Whether a token is hardly ever a part of an entity, but for the place that is looked at."""
        return bool(self._in_entities[token] - 1 <= MAX_INSIDE * self._all[token])

    def other_places(self, token: int) -> tuple[int, int]:
        """Of a token that stands before a full stop: in how many other places it is, and in how many of these so."""
        return int(self._all[token]) - 1, int(self._before_stop[token]) - 1

    def surprise(self, block: AnnotatedBlock, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each entity: how much its outermost token belongs outside, as the log of a ratio; and how often that token
        is seen outside. Of entities of one token, 0."""
        start_E, end_E, _ = block.spans
        token_E = block.token_M[start_E if side == LEFT else end_E - 1]
        outside_E, inside_E = self._outside[side][token_E], self._inside[side][token_E] - 1
        surprise_E = np.log((outside_E + 0.5) / (np.maximum(inside_E, 0) + 0.5))
        is_long = end_E - start_E > 1
        return np.where(is_long, surprise_E, 0.0), np.where(is_long, outside_E, 0)
