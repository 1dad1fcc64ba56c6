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


def best_two_scores(
    emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the best and of the second best valid BILOU sequence, float64 (B,) each; -inf where none is left.

    The same as those of n_best with 2, without the sequences.
    """
    start_K, transition_KK, end_K = (np.maximum(values, _FORBIDDEN) for values in scores.allowed())
    # Sentences by falling length need no masks: the first ones reach each token.
    order_B = np.argsort(-length_B, kind="stable")
    emission_TBK, length = emission_TBK[:, order_B].astype(np.float64), length_B[order_B]
    best_BK = emission_TBK[0] + start_K
    second_BK = np.full(best_BK.shape, 2 * _FORBIDDEN)
    # To each tag from each.
    into_KK, to_K = transition_KK.T, np.arange(len(start_K))
    for t in range(1, len(emission_TBK)):
        n = np.searchsorted(-length, -t, side="left")
        score_BKK = best_BK[:n, None] + into_KK
        from_BK = score_BKK.argmax(2)
        from_BK1 = from_BK[:, :, None]
        best_BK[:n] = np.take_along_axis(score_BKK, from_BK1, 2)[:, :, 0] + emission_TBK[t, :n]
        # Either the second best path comes from another tag, or it is the second best to the same one.
        rest_BK = np.take_along_axis(second_BK[:n], from_BK, 1) + into_KK[to_K, from_BK]
        np.put_along_axis(score_BKK, from_BK1, rest_BK[:, :, None], 2)
        second_BK[:n] = score_BKK.max(2) + emission_TBK[t, :n]
    final_BP = np.concatenate([best_BK + end_K, second_BK + end_K], 1)
    two_B2 = np.sort(final_BP, 1)[np.argsort(order_B), :-3:-1]
    best_B, second_B = np.where(two_B2 > _FORBIDDEN / 2, two_B2, -np.inf).T
    return best_B, second_B


def _best(scores: np.ndarray, n: int) -> np.ndarray:
    """Positions of the n largest values of the last axis, descending; of equal ones the first."""
    if n == 1:
        return scores.argmax(-1)[..., None]
    return np.argsort(-scores, axis=-1, kind="stable")[..., :n]
