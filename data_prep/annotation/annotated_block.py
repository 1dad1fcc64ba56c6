"""A block of sentences with its entities, and the hashes of phrases in it.

Axes: N sentences of M tokens, E entities, K places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from data_prep.sentences.block import starts_mask
from ner_dist.contract.mixing_hash import GAMMA, mix_bits
from ner_dist.contract.tag_schemes import Spans, entity_spans, span_tokens, split_ids

# Longer entities are no phrases that are looked for elsewhere.
MAX_PHRASE = 8


class AnnotatedBlock(NamedTuple):
    """N sentences of M tokens, and their E entities, ordered."""

    token_M: np.ndarray
    # Line or record of each token.
    line_M: np.ndarray
    length_N: np.ndarray
    split_N: np.ndarray
    source_id: int
    spans: Spans
    # The first token of each sentence; and of each token its sentence and its entity, -1 if it has none.
    start_N: np.ndarray
    sentence_M: np.ndarray
    entity_M: np.ndarray
    # Hashes of its tokens and of its tags.
    hash_N: np.ndarray
    tag_hash_N: np.ndarray
    # Where the origin of each sentence lies in the file of origins.
    origin_place_N: np.ndarray
    origin_size_N: np.ndarray

    def neighbours(self, start_K: np.ndarray, end_K: np.ndarray, outside: int) -> tuple[np.ndarray, np.ndarray]:
        """The tokens before `start_K` and from `end_K` on, in the same sentence; `outside` where there is none."""
        last = len(self.token_M) - 1
        before_K, after_K = np.maximum(start_K - 1, 0), np.minimum(end_K, last)
        has_left = (start_K > 0) & (self.sentence_M[before_K] == self.sentence_M[start_K])
        has_right = (end_K <= last) & (self.sentence_M[after_K] == self.sentence_M[end_K - 1])
        return np.where(has_left, self.token_M[before_K], outside), np.where(has_right, self.token_M[after_K], outside)


def annotated_block(
    token_M: np.ndarray,
    tag_M: np.ndarray,
    line_M: np.ndarray,
    length_N: np.ndarray,
    split_N: np.ndarray,
    hash_sentences: Callable[[np.ndarray, np.ndarray], np.ndarray],
    source_id: int = 0,
    origin_place_N: np.ndarray | None = None,
    origin_size_N: np.ndarray | None = None,
) -> AnnotatedBlock:
    """tag_M: BILOU ids. hash_sentences: makes a hash of each sentence from uint64 (M,) and the lengths."""
    length_N = length_N.astype(np.int64)
    prefix_M, type_M = split_ids(tag_M)
    spans = entity_spans(prefix_M, type_M, starts_mask(length_N))
    entity_M = np.full(len(token_M), -1, np.int64)
    token_C, span_C = span_tokens(spans)
    entity_M[token_C] = span_C
    nothing_N = np.zeros(len(length_N), np.int64)
    return AnnotatedBlock(
        token_M.astype(np.int64),
        line_M,
        length_N,
        split_N,
        source_id,
        spans,
        np.cumsum(length_N) - length_N,
        np.repeat(np.arange(len(length_N)), length_N),
        entity_M,
        hash_sentences(token_M.astype(np.uint64), length_N),
        hash_sentences(tag_M.astype(np.uint64), length_N),
        nothing_N if origin_place_N is None else origin_place_N,
        nothing_N if origin_size_N is None else origin_size_N,
    )


def extend_hash(hash_K: np.ndarray, token_K: np.ndarray) -> np.ndarray:
    """The hash of each phrase with one more token; that of no tokens is 0."""
    return mix_bits(hash_K * GAMMA + token_K.astype(np.uint64) + np.uint64(1))


def phrase_hashes(token_M: np.ndarray, start_K: np.ndarray, length_K: np.ndarray) -> list[np.ndarray]:
    """For 1, 2, ... MAX_PHRASE tokens, the hash of each phrase's first tokens; of shorter ones, that of all."""
    hash_K, found = np.zeros(len(start_K), np.uint64), []
    for i in range(MAX_PHRASE):
        longer = np.flatnonzero(length_K > i)
        hash_K = hash_K.copy()
        hash_K[longer] = extend_hash(hash_K[longer], token_M[start_K[longer] + i])
        found.append(hash_K)
    return found


def sums_over(value_M: np.ndarray, start_K: np.ndarray, end_K: np.ndarray) -> np.ndarray:
    """The sum of the values of tokens start .. end - 1."""
    total = np.append(0, np.cumsum(value_M))
    return total[end_K] - total[start_K]
