"""The linear-chain conditional random field: emissions and transition scores -> likelihood, gradient, marginals.

A closed form by forward-backward in numpy, for a whole batch at once. Where it is used: training differentiates
the network from the gradient by the emissions, so that the recursion costs the framework no operator at all.

The recursions run on probabilities, divided at each token by their sum (Rabiner 1989), in float64: exact, and much
cheaper than logarithms of sums. Axes: T tokens, B sentences, K tags, M tokens of a batch without padding, S
spans.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import allowed_transitions


class TransitionScores(NamedTuple):
    """What a sequence earns beside its emissions; transitions go from rows to columns."""

    start_K: np.ndarray
    transition_KK: np.ndarray
    end_K: np.ndarray

    def allowed(self) -> TransitionScores:
        """The same where BILOU allows it, -inf elsewhere. The tags must be those of spans.bilou_tags."""
        grammar = allowed_transitions((len(self.start_K) - 1) // 4)
        return TransitionScores(*(np.where(mask, values, -np.inf) for mask, values in zip(grammar, self)))


class Likelihood(NamedTuple):
    """Negative log-likelihood of the gold tags, summed over the sentences, and its gradient."""

    loss: float
    emission_TBK: np.ndarray
    transition_scores: TransitionScores


class _Lattice(NamedTuple):
    """The recursions' outcome. alpha * beta is the probability of a tag; 0 beyond a sentence's end."""

    alpha_TBK: np.ndarray
    beta_TBK: np.ndarray
    # exp(emission) / what the token was divided by, so that a step is alpha @ transition * this.
    arrival_TBK: np.ndarray
    transition_KK: np.ndarray
    # exp(end) / what the sentence's last token was divided by.
    leave_BK: np.ndarray
    log_partition_B: np.ndarray


def neutral(num_tags: int) -> TransitionScores:
    """Scores of 0: sequences earn nothing but their emissions."""
    return TransitionScores(np.zeros(num_tags), np.zeros((num_tags, num_tags)), np.zeros(num_tags))


def likelihood(
    emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> Likelihood:
    """Of padded sentences; the loss is not finite if a gold sequence has a score of -inf.

    Gradients are expected minus observed counts: float64, 0 for padding.
    """
    lattice = _lattice(emission_TBK, length_B, scores)
    num_tokens, num_sentences, num_tags = emission_TBK.shape
    real_TB = np.arange(num_tokens)[:, None] < length_B
    sentences = np.arange(num_sentences)
    last_B = length_B - 1

    emission = lattice.alpha_TBK * lattice.beta_TBK
    # Pairs of tags: each token but a sentence's first, with the one before it.
    pair_TB = real_TB[1:]
    before, here = tag_TB[:-1][pair_TB], tag_TB[1:][pair_TB]
    toward_TBK = lattice.arrival_TBK[1:] * lattice.beta_TBK[1:]
    transition = lattice.transition_KK * np.einsum("tbi,tbj->ij", lattice.alpha_TBK[:-1], toward_TBK, optimize=True)
    start = emission[0].sum(0)
    end = (lattice.alpha_TBK[last_B, sentences] * lattice.leave_BK).sum(0)

    first, last = tag_TB[0], tag_TB[last_B, sentences]
    token_M, sentence_M = np.nonzero(real_TB)
    gold_M = tag_TB[token_M, sentence_M]
    gold = emission_TBK[token_M, sentence_M, gold_M].sum(dtype=np.float64)
    gold += scores.start_K[first].sum() + scores.transition_KK[before, here].sum() + scores.end_K[last].sum()

    emission[token_M, sentence_M, gold_M] -= 1
    transition -= np.bincount(before * num_tags + here, minlength=num_tags**2).reshape(num_tags, num_tags)
    start -= np.bincount(first, minlength=num_tags)
    end -= np.bincount(last, minlength=num_tags)
    return Likelihood(lattice.log_partition_B.sum() - gold, emission, TransitionScores(start, transition, end))


def log_partition(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """Logarithm of the sum over all sequences of exp(score): float64 (B,)."""
    return _lattice(emission_TBK, length_B, scores).log_partition_B


def marginals(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """Probability of each tag at each token, given the sentence: float64 (T, B, K), 0 for padding."""
    lattice = _lattice(emission_TBK, length_B, scores)
    return lattice.alpha_TBK * lattice.beta_TBK


def span_probabilities(
    emission_TBK: np.ndarray,
    length_B: np.ndarray,
    scores: TransitionScores,
    tag_TB: np.ndarray,
    spans_S: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Probability that a span bears just these tags, whatever the rest of its sentence does: float64 (S,).

    spans_S: sentence, first token and end (exclusive) of each span; tag_TB holds their tags. With BILOU tags this is
    the probability of the entity itself.
    """
    lattice = _lattice(emission_TBK, length_B, scores)
    sentence_S, first_S, end_S = spans_S
    probability_S = lattice.alpha_TBK[first_S, sentence_S, tag_TB[first_S, sentence_S]]
    for ahead in range(1, int((end_S - first_S).max(initial=1))):
        inside = np.flatnonzero(first_S + ahead < end_S)
        at, sentence = first_S[inside] + ahead, sentence_S[inside]
        tag = tag_TB[at, sentence]
        probability_S[inside] *= lattice.transition_KK[tag_TB[at - 1, sentence], tag]
        probability_S[inside] *= lattice.arrival_TBK[at, sentence, tag]
    return probability_S * lattice.beta_TBK[end_S - 1, sentence_S, tag_TB[end_S - 1, sentence_S]]


def _lattice(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> _Lattice:
    """Forward and backward; every sentence has a token. Sentences of falling length need no masks: see active_T."""
    order_B = np.argsort(-length_B, kind="stable")
    length = length_B[order_B]
    emission = emission_TBK[:, order_B].astype(np.float64)
    num_tokens, _, _ = emission.shape
    # How many sentences, of those in front, reach each token.
    active_T = np.searchsorted(-length, -np.arange(num_tokens), side="left")

    # Everything is taken relative to its maximum, which comes back in the logarithm.
    peak_TB1 = emission.max(2, keepdims=True)
    arrival = np.exp(emission - peak_TB1)
    (start_K, start_peak), (transition_KK, transition_peak), (end_K, end_peak) = map(_exp, scores)
    alpha, beta = np.zeros(emission.shape), np.zeros(emission.shape)
    sum_TB = np.ones(emission.shape[:2])
    for t in range(num_tokens):
        n = active_T[t]
        here = arrival[t, :n]
        here = (alpha[t - 1, :n] @ transition_KK) * here if t else start_K * here
        sum_TB[t, :n] = here.sum(1)
        alpha[t, :n] = here / sum_TB[t, :n, None]
    arrival /= sum_TB[:, :, None]

    last = length - 1
    sentences = np.arange(len(length))
    leave_sum = (alpha[last, sentences] * end_K).sum(1)
    leave = end_K / leave_sum[:, None]
    beta[last, sentences] = leave
    for t in range(num_tokens - 2, -1, -1):
        n = active_T[t + 1]
        beta[t, :n] = (arrival[t + 1, :n] * beta[t + 1, :n]) @ transition_KK.T

    real_TB = np.arange(num_tokens)[:, None] < length
    log_partition = np.where(real_TB, np.log(sum_TB) + peak_TB1[:, :, 0], 0).sum(0) + np.log(leave_sum)
    log_partition += start_peak + transition_peak * last + end_peak
    back = np.argsort(order_B)
    return _Lattice(alpha[:, back], beta[:, back], arrival[:, back], transition_KK, leave[back], log_partition[back])


def _exp(values: np.ndarray) -> tuple[np.ndarray, float]:
    """exp(values - peak) and the peak, the largest of them."""
    peak = float(values.max())
    return np.exp(values.astype(np.float64) - peak), peak
