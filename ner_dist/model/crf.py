"""The linear-chain CRF: loss, gradient, marginals and span probabilities, by forward-backward in numpy.

Works on a whole batch at once, in float64. The recursions run on probabilities that are normalised at each token
(Rabiner 1989): exact, and much cheaper than log-sum-exp. In training, the gradient by the emissions is the head
gradient of the network's backward pass, so that the CRF needs no MXNet operator.

Axes: T tokens, B sentences, K tags, M tokens of a batch without padding, S spans.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import allowed_transitions


class TransitionScores(NamedTuple):
    """The score of a tag sequence is its emissions plus these: of its first tag, each pair [from, to], its last tag."""

    start_K: np.ndarray
    transition_KK: np.ndarray
    end_K: np.ndarray

    def allowed(self) -> TransitionScores:
        """The same where BILOU allows it, -inf elsewhere. The tags must be those of tag_schemes.bilou_tags."""
        grammar = allowed_transitions((len(self.start_K) - 1) // 4)
        return TransitionScores(*(np.where(mask, values, -np.inf) for mask, values in zip(grammar, self)))


class LossAndGradient(NamedTuple):
    """Negative log-likelihood of the gold tags, summed over the sentences, and its gradient in float64."""

    loss: float
    # 0 at padding.
    emission_gradient_TBK: np.ndarray
    transition_gradient: TransitionScores


class _Lattice(NamedTuple):
    """Result of forward-backward: alpha[t] = alpha[t - 1] @ transition * potential[t], and beta likewise.

    alpha * beta is the marginal probability of a tag. Both are 0 at padding.
    """

    alpha_TBK: np.ndarray
    beta_TBK: np.ndarray
    # exp(emission), normalised at each token.
    potential_TBK: np.ndarray
    # exp(transition).
    transition_KK: np.ndarray
    # exp(end), normalised for each sentence.
    end_BK: np.ndarray
    log_partition_B: np.ndarray


def zero_transition_scores(num_tags: int) -> TransitionScores:
    """Scores of 0: a sequence's score is the sum of its emissions."""
    return TransitionScores(np.zeros(num_tags), np.zeros((num_tags, num_tags)), np.zeros(num_tags))


def loss_and_gradient(
    emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> LossAndGradient:
    """The sentence-level loss. It is not finite if a gold sequence has the score -inf.

    The gradient is the expected minus the observed count of each emission and transition.
    """
    lattice = _forward_backward(emission_TBK, length_B, scores)
    _, num_sentences, num_tags = emission_TBK.shape

    # Expected counts.
    emission = lattice.alpha_TBK * lattice.beta_TBK
    to_TBK = lattice.potential_TBK[1:] * lattice.beta_TBK[1:]
    transition = lattice.transition_KK * np.einsum("tbi,tbj->ij", lattice.alpha_TBK[:-1], to_TBK, optimize=True)
    start = emission[0].sum(0)
    end = (lattice.alpha_TBK[length_B - 1, np.arange(num_sentences)] * lattice.end_BK).sum(0)

    gold = _find_gold(tag_TB, length_B)
    emission[gold.token_M, gold.sentence_M, gold.tag_M] -= 1
    pairs = np.bincount(gold.before * num_tags + gold.here, minlength=num_tags**2)
    transition -= pairs.reshape(num_tags, num_tags)
    start -= np.bincount(gold.first_B, minlength=num_tags)
    end -= np.bincount(gold.last_B, minlength=num_tags)
    loss = lattice.log_partition_B.sum() - _gold_score(gold, emission_TBK, scores)
    return LossAndGradient(loss, emission, TransitionScores(start, transition, end))


def sentence_loss(
    emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray, scores: TransitionScores
) -> float:
    """The sentence-level loss alone: no backward pass."""
    partition_B = log_partition(emission_TBK, length_B, scores)
    return float(partition_B.sum() - _gold_score(_find_gold(tag_TB, length_B), emission_TBK, scores))


def log_partition(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """Logarithm of the sum of exp(score) over all sequences: float64 (B,)."""
    return _forward(emission_TBK, length_B, scores).log_partition_B


def marginals(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> np.ndarray:
    """Probability of each tag at each token, given the sentence: float64 (T, B, K), 0 at padding."""
    lattice = _forward_backward(emission_TBK, length_B, scores)
    return lattice.alpha_TBK * lattice.beta_TBK


def span_probabilities(
    emission_TBK: np.ndarray,
    length_B: np.ndarray,
    scores: TransitionScores,
    tag_TB: np.ndarray,
    spans_S: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Marginal probability of the tags of each span, whatever the rest of its sentence is: float64 (S,).

    spans_S: sentence, first token and end (exclusive) of each span; tag_TB: its tags. With BILOU tags this is the
    probability of the entity itself.
    """
    lattice = _forward_backward(emission_TBK, length_B, scores)
    sentence_S, first_S, end_S = spans_S
    probability_S = lattice.alpha_TBK[first_S, sentence_S, tag_TB[first_S, sentence_S]]
    for ahead in range(1, int((end_S - first_S).max(initial=1))):
        inside = np.flatnonzero(first_S + ahead < end_S)
        at, sentence = first_S[inside] + ahead, sentence_S[inside]
        tag = tag_TB[at, sentence]
        probability_S[inside] *= lattice.transition_KK[tag_TB[at - 1, sentence], tag]
        probability_S[inside] *= lattice.potential_TBK[at, sentence, tag]
    return probability_S * lattice.beta_TBK[end_S - 1, sentence_S, tag_TB[end_S - 1, sentence_S]]


class _Gold(NamedTuple):
    """The gold tags: of all tokens with their places, of each sentence's ends, and the pairs of neighbours."""

    token_M: np.ndarray
    sentence_M: np.ndarray
    tag_M: np.ndarray
    first_B: np.ndarray
    last_B: np.ndarray
    # Of each token but a sentence's first, the tag of the one before it, and its own.
    before: np.ndarray
    here: np.ndarray


def _find_gold(tag_TB: np.ndarray, length_B: np.ndarray) -> _Gold:
    real_TB = np.arange(len(tag_TB))[:, None] < length_B
    token_M, sentence_M = np.nonzero(real_TB)
    first_B, last_B = tag_TB[0], tag_TB[length_B - 1, np.arange(len(length_B))]
    pairs = tag_TB[:-1][real_TB[1:]], tag_TB[1:][real_TB[1:]]
    return _Gold(token_M, sentence_M, tag_TB[token_M, sentence_M], first_B, last_B, *pairs)


def _gold_score(gold: _Gold, emission_TBK: np.ndarray, scores: TransitionScores) -> np.float64:
    """Summed over the sentences."""
    score: np.float64 = emission_TBK[gold.token_M, gold.sentence_M, gold.tag_M].sum(dtype=np.float64)
    transitions = scores.transition_KK[gold.before, gold.here].sum()
    score += scores.start_K[gold.first_B].sum() + transitions + scores.end_K[gold.last_B].sum()
    return score


class _Forward(NamedTuple):
    """The forward recursion, over sentences in the order of falling length."""

    # The sentence that stands at each place.
    order_B: np.ndarray
    # How many sentences, the first ones, reach each token.
    active_T: np.ndarray
    alpha_TBK: np.ndarray
    # Normalised at each token, as in _Lattice.
    potential_TBK: np.ndarray
    transition_KK: np.ndarray
    end_BK: np.ndarray
    # In the sentences' own order.
    log_partition_B: np.ndarray


def _forward(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> _Forward:
    """Every sentence must have a token."""
    # Sentences by falling length need no masks: active_T of them, the first ones, reach each token.
    order_B = np.argsort(-length_B, kind="stable")
    length = length_B[order_B]
    emission = emission_TBK[:, order_B].astype(np.float64)
    num_tokens, _, _ = emission.shape
    active_T = np.searchsorted(-length, -np.arange(num_tokens), side="left")

    # exp of the difference from the maximum, which is added to the log partition at the end.
    peak_TB1 = emission.max(2, keepdims=True)
    potential = np.exp(emission - peak_TB1)
    (start_K, start_peak), (transition_KK, transition_peak), (end_K, end_peak) = map(_exp, scores)
    alpha = np.zeros(emission.shape)
    sum_TB = np.ones(emission.shape[:2])
    for t in range(num_tokens):
        n = active_T[t]
        here = potential[t, :n]
        here = (alpha[t - 1, :n] @ transition_KK) * here if t else start_K * here
        sum_TB[t, :n] = here.sum(1)
        alpha[t, :n] = here / sum_TB[t, :n, None]
    potential /= sum_TB[:, :, None]

    last = length - 1
    end_sum = (alpha[last, np.arange(len(length))] * end_K).sum(1)
    real_TB = np.arange(num_tokens)[:, None] < length
    log_partition = np.where(real_TB, np.log(sum_TB) + peak_TB1[:, :, 0], 0).sum(0) + np.log(end_sum)
    log_partition += start_peak + transition_peak * last + end_peak
    parts = (alpha, potential, transition_KK, end_K / end_sum[:, None], log_partition[np.argsort(order_B)])
    return _Forward(order_B, active_T, *parts)


def _forward_backward(emission_TBK: np.ndarray, length_B: np.ndarray, scores: TransitionScores) -> _Lattice:
    """Every sentence must have a token."""
    found = _forward(emission_TBK, length_B, scores)
    potential, transition_KK = found.potential_TBK, found.transition_KK
    last, sentences = length_B[found.order_B] - 1, np.arange(len(length_B))
    beta = np.zeros(potential.shape)
    beta[last, sentences] = found.end_BK
    for t in range(len(potential) - 2, -1, -1):
        n = found.active_T[t + 1]
        beta[t, :n] = (potential[t + 1, :n] * beta[t + 1, :n]) @ transition_KK.T
    back = np.argsort(found.order_B)
    arrays = (found.alpha_TBK[:, back], beta[:, back], potential[:, back], transition_KK, found.end_BK[back])
    return _Lattice(*arrays, found.log_partition_B)


def _exp(values: np.ndarray) -> tuple[np.ndarray, float]:
    """exp(values - maximum), and the maximum."""
    peak = float(values.max())
    return np.exp(values.astype(np.float64) - peak), peak
