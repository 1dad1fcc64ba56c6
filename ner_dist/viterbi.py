"""Emissions -> the best tag sequences that BILOU allows, over a whole batch at once.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import numpy as np

from ner_dist.spans import allowed_transitions

_FORBIDDEN = -1e30


def decode(emission_TBK: np.ndarray, length_B: np.ndarray, num_types: int) -> np.ndarray:
    """Tag ids (T, B) int64 of the highest summed emission among valid BILOU sequences; 0 beyond a sentence's end."""
    opens_K, follows_KK, closes_K = allowed_transitions(num_types)
    start_K = np.where(opens_K, 0, _FORBIDDEN)
    transition_KK = np.where(follows_KK, 0, _FORBIDDEN)
    end_K = np.where(closes_K, 0, _FORBIDDEN)
    num_tokens, num_sentences, _ = emission_TBK.shape
    emission_TBK = emission_TBK.astype(np.float64)
    best_BK = emission_TBK[0] + start_K
    # The tag before each tag on its best path; beyond a sentence's end every path stands still.
    came_TBK = np.zeros(emission_TBK.shape, np.int64)
    stay_K = np.arange(len(start_K))
    for t in range(1, num_tokens):
        # (B, from, to)
        score_BKK = best_BK[:, :, None] + transition_KK
        came_BK = score_BKK.argmax(axis=1)
        reached_BK = np.take_along_axis(score_BKK, came_BK[:, None, :], axis=1)[:, 0] + emission_TBK[t]
        inside_B1 = (t < length_B)[:, None]
        best_BK = np.where(inside_B1, reached_BK, best_BK)
        came_TBK[t] = np.where(inside_B1, came_BK, stay_K)
    tag_TB = np.zeros((num_tokens, num_sentences), np.int64)
    tag_TB[-1] = (best_BK + end_K).argmax(axis=1)
    for t in range(num_tokens - 1, 0, -1):
        tag_TB[t - 1] = np.take_along_axis(came_TBK[t], tag_TB[t][:, None], axis=1)[:, 0]
    return np.where(np.arange(num_tokens)[:, None] < length_B, tag_TB, 0)
