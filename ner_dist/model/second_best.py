"""The scores of the best and the second best tag sequence, without the sequences: Viterbi with two paths to each tag.

It looks at no transition but those that BILOU allows: any entity or O may follow where none is open, and an open one
goes on. That is a third of them for four types. Axes: T tokens, B sentences, K tags, P paths to compare.
"""

from __future__ import annotations

import numpy as np

from ner_dist.contract import tag_schemes
from ner_dist.model.crf import TransitionScores

# Instead of -inf, whose differences are NaN.
_FORBIDDEN = -1e30


def best_two_scores(
    emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> tuple[np.ndarray, np.ndarray]:
    """Of the best and of the second best valid BILOU sequence, float64 (B,) each; -inf where none is left.

    They are those of viterbi.n_best with 2.
    """
    start_K, transition_KK, end_K = (np.maximum(values, _FORBIDDEN) for values in scores.allowed())
    # By the tag before it: tags that need no open entity, and tags inside of one, which have two others before them.
    first_of_types = 4 * np.arange(len(start_K) // 4)
    no_entity_before, begins = (
        np.append(tag_schemes.O, [first_of_types + place for place in places])
        for places in ((tag_schemes.L, tag_schemes.U), (tag_schemes.B, tag_schemes.U))
    )
    inside = np.append(first_of_types + tag_schemes.I, first_of_types + tag_schemes.L)
    before_inside = np.stack([np.tile(first_of_types + place, 2) for place in (tag_schemes.B, tag_schemes.I)])
    begin_score = transition_KK[np.ix_(no_entity_before, begins)][:, :, None]
    inside_score = transition_KK[before_inside, inside][:, :, None]

    # Sentences by falling length need no masks: the first ones reach each token.
    order_B = np.argsort(-length_B, kind="stable")
    active_T = np.searchsorted(-length_B[order_B], -np.arange(len(emission_TBK)), side="left")
    emission_TKB = np.ascontiguousarray(emission_TBK[:, order_B].transpose(0, 2, 1), np.float64)
    best_KB = emission_TKB[0] + start_K[:, None]
    second_KB = np.full(best_KB.shape, 2 * _FORBIDDEN)
    for emission_KB, n in zip(emission_TKB[1:], active_T[1:]):
        both = best, second = best_KB[:, :n], second_KB[:, :n]
        to_begin = _two_largest(*(paths[no_entity_before][:, None] + begin_score for paths in both))
        to_inside = _two_largest(*(paths[before_inside] + inside_score for paths in both))
        for paths, beginning, going_on in zip(both, to_begin, to_inside):
            paths[begins], paths[inside] = beginning, going_on
        best += emission_KB[:, :n]
        second += emission_KB[:, :n]
    two_2B = np.stack(_two_largest(best_KB + end_K[:, None], second_KB + end_K[:, None]))[:, np.argsort(order_B)]
    best_B, second_B = np.where(two_2B > _FORBIDDEN / 2, two_2B, -np.inf)
    return best_B, second_B


def _two_largest(best_P: np.ndarray, second_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of all values, the largest and the second largest. Axis 0 is P, and others are kept.

    No value of second_P is larger than the one of best_P at its place.
    """
    while len(best_P) > 1:
        half = (len(best_P) + 1) // 2
        # Without a partner, the one in the middle is copied.
        rest = len(best_P) - half
        best_half, second_half = best_P[:half].copy(), second_P[:half].copy()
        np.maximum(best_P[:rest], best_P[half:], out=best_half[:rest])
        loser = np.minimum(best_P[:rest], best_P[half:])
        np.maximum(second_half[:rest], second_P[half:], out=second_half[:rest])
        np.maximum(second_half[:rest], loser, out=second_half[:rest])
        best_P, second_P = best_half, second_half
    return best_P[0], second_P[0]
