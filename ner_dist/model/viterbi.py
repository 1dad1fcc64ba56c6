"""Viterbi decoding: emissions and transition scores -> the best tag sequences that BILOU allows, for a whole batch.

Axes: T tokens, B sentences, K tags, N the n best sequences (or paths to a tag), best first.
"""

from __future__ import annotations

import numpy as np

from ner_dist.model.crf import TransitionScores

# Instead of -inf, whose differences are NaN.
_FORBIDDEN = -1e30


def decode(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """The best valid BILOU sequence: tag ids (T, B) int64, 0 at padding."""
    return n_best(emission_TBK, length_B, scores, 1)[0][0]


def n_best(
    emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """The n best valid BILOU sequences: tag ids (N, T, B) int64, 0 at padding, and scores (N, B).

    Where there are fewer, tags are 0 and scores -inf.
    """
    start_K, transition_KK, end_K = (np.maximum(values, _FORBIDDEN) for values in scores.allowed())
    num_tokens, num_sentences, num_tags = emission_TBK.shape
    emission_TBK = emission_TBK.astype(np.float64)
    # The n best paths to each tag; tag * n + place identifies a path.
    best_BKN = np.full((num_sentences, num_tags, n), 2 * _FORBIDDEN)
    best_BKN[:, :, 0] = emission_TBK[0] + start_K
    backpointer_TBKN = np.zeros((num_tokens, num_sentences, num_tags, n), np.int64)
    self_KN = np.arange(num_tags * n).reshape(num_tags, n)
    for t in range(1, num_tokens):
        # (B, to, from path)
        score_BKP = (best_BKN[:, None] + transition_KK.T[None, :, :, None]).reshape(num_sentences, num_tags, -1)
        from_BKN = _best(score_BKP, n)
        score_BKN = np.take_along_axis(score_BKP, from_BKN, axis=2) + emission_TBK[t][:, :, None]
        real_B11 = (t < length_B)[:, None, None]
        best_BKN = np.where(real_B11, score_BKN, best_BKN)
        backpointer_TBKN[t] = np.where(real_B11, from_BKN, self_KN)
    final_BP = (best_BKN + end_K[None, :, None]).reshape(num_sentences, -1)
    path_BN = _best(final_BP, n)
    score_NB = np.take_along_axis(final_BP, path_BN, axis=1).T
    tag_NTB = np.zeros((n, num_tokens, num_sentences), np.int64)
    for t in range(num_tokens - 1, -1, -1):
        tag_NTB[:, t] = path_BN.T // n
        path_BN = np.take_along_axis(backpointer_TBKN[t].reshape(num_sentences, -1), path_BN, axis=1)
    exists_NB = score_NB > _FORBIDDEN / 2
    real_TB = np.arange(num_tokens)[:, None] < length_B
    return np.where(exists_NB[:, None] & real_TB, tag_NTB, 0), np.where(exists_NB, score_NB, -np.inf)


def _best(scores: np.ndarray, n: int) -> np.ndarray:
    """Positions of the n largest values of the last axis, descending; of equal ones the first."""
    if n == 1:
        return scores.argmax(-1)[..., None]
    return np.argsort(-scores, axis=-1, kind="stable")[..., :n]
