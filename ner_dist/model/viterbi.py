"""Emissions and transition scores -> the best tag sequences that BILOU allows, over a whole batch at once.

Axes: T tokens, B sentences, K tags, R ranks of the n best sequences, best first.
"""

from __future__ import annotations

import numpy as np

from ner_dist.model.crf import TransitionScores

# In place of -inf, which would give NaN where nothing is to be gained or lost.
_FORBIDDEN = -1e30


def decode(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """Tag ids (T, B) int64 of the highest score among valid BILOU sequences; 0 beyond a sentence's end."""
    start_K, transition_KK, end_K = (np.maximum(values, _FORBIDDEN) for values in scores.allowed())
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


def n_best(
    emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """The n best valid sequences: tag ids (R, T, B) int64, and their scores (R, B), -inf where there are fewer."""
    start_K, transition_KK, end_K = (np.maximum(values, _FORBIDDEN) for values in scores.allowed())
    num_tokens, num_sentences, num_tags = emission_TBK.shape
    emission_TBK = emission_TBK.astype(np.float64)
    # Scores of the n best paths to each tag, (B, K, R); a path is told by its tag and its rank there.
    best_BKR = np.full((num_sentences, num_tags, n), 2 * _FORBIDDEN)
    best_BKR[:, :, 0] = emission_TBK[0] + start_K
    came_TBKR = np.zeros((num_tokens, num_sentences, num_tags, n), np.int64)
    stay_KR = np.arange(num_tags * n).reshape(num_tags, n)
    for t in range(1, num_tokens):
        # (B, to, from and its rank)
        step_BKF = (best_BKR[:, None] + transition_KK.T[None, :, :, None]).reshape(num_sentences, num_tags, -1)
        came_BKR = np.argsort(-step_BKF, axis=2, kind="stable")[:, :, :n]
        reached_BKR = np.take_along_axis(step_BKF, came_BKR, axis=2) + emission_TBK[t][:, :, None]
        inside_B11 = (t < length_B)[:, None, None]
        best_BKR = np.where(inside_B11, reached_BKR, best_BKR)
        came_TBKR[t] = np.where(inside_B11, came_BKR, stay_KR)
    final_BF = (best_BKR + end_K[None, :, None]).reshape(num_sentences, -1)
    path_BR = np.argsort(-final_BF, axis=1, kind="stable")[:, :n]
    score_RB = np.take_along_axis(final_BF, path_BR, axis=1).T
    tag_RTB = np.zeros((n, num_tokens, num_sentences), np.int64)
    for t in range(num_tokens - 1, -1, -1):
        tag_RTB[:, t] = path_BR.T // n
        path_BR = np.take_along_axis(came_TBKR[t].reshape(num_sentences, -1), path_BR, axis=1)
    exists_RB = score_RB > _FORBIDDEN / 2
    inside_TB = np.arange(num_tokens)[:, None] < length_B
    return np.where(exists_RB[:, None] & inside_TB, tag_RTB, 0), np.where(exists_RB, score_RB, -np.inf)
