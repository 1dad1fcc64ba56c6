"""Loss and gradient of the CRF: our hand-set gradient against MXNet's autograd through the recursion.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, alternate, seconds

if TYPE_CHECKING:
    from ner_dist.model.crf import TransitionScores


def crf(options: BenchOptions) -> Iterator[Measurement]:
    # MXNet reads it while loading, so nothing here may import MXNet before.
    os.environ["OMP_NUM_THREADS"] = "1"
    for size in ((32, 15, 17), (32, 40, 17), (64, 22, 33)):
        yield _of_size(10 * options.repeats, *size)


def _of_size(repeats: int, num_sentences: int, num_tokens: int, num_tags: int) -> Measurement:
    from ner_dist.model.crf import TransitionScores, loss_and_gradient

    rng = np.random.default_rng(0)
    tag_TB = rng.integers(0, num_tags, (num_tokens, num_sentences))
    emission_TBK = rng.normal(size=(*tag_TB.shape, num_tags)).astype(np.float32)
    length_B = rng.integers(num_tokens // 2, num_tokens + 1, num_sentences)
    shapes = (num_tags, (num_tags, num_tags), num_tags)
    scores = TransitionScores(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    autograd = autograd_crf(scores)

    def ours() -> float:
        return loss_and_gradient(emission_TBK, tag_TB, length_B, scores).loss

    def theirs() -> float:
        return autograd(emission_TBK, tag_TB, length_B)

    assert np.isclose(ours(), theirs(), rtol=1e-5)
    mine, yours = alternate(repeats, lambda: 1e3 * seconds(ours), lambda: 1e3 * seconds(theirs))
    name = f"CRF, autograd / closed form, {num_sentences} x {num_tokens} tokens, {num_tags} tags"
    return Measurement(name, yours, mine, "ms")


def autograd_crf(scores: TransitionScores) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    """The linear-chain CRF in MXNet operators, differentiated by autograd: a function of emissions, tags and lengths.

    It returns the negative log-likelihood, summed over the sentences; the gradients stay in MXNet's arrays.
    """
    from mxnet import autograd, nd

    start_K, between_KK, end_K = parameters = [nd.array(values) for values in scores]
    for values in parameters:
        values.attach_grad()

    def log_sum_exp(values: Any, axis: int) -> Any:
        peak = nd.max(values, axis=axis, keepdims=True)
        return nd.log(nd.sum(nd.exp(nd.broadcast_sub(values, peak)), axis=axis)) + peak.squeeze(axis=axis)

    def log_partition(emission_TBK: Any, mask_TB: Any) -> Any:
        reached_BK = start_K + emission_TBK[0]
        for t in range(1, len(emission_TBK)):
            # (B, from, to)
            step_BKK = nd.broadcast_add(reached_BK.expand_dims(2), between_KK.expand_dims(0))
            next_BK = log_sum_exp(step_BKK, 1) + emission_TBK[t]
            inside_BK = nd.broadcast_like(mask_TB[t].expand_dims(1), reached_BK)
            reached_BK = nd.where(inside_BK, next_BK, reached_BK)
        return log_sum_exp(reached_BK + end_K, 1)

    def gold(emission_TBK: Any, tag_TB: Any, mask_TB: Any, last_TB: Any) -> Any:
        pairs = tag_TB[:-1] * len(start_K) + tag_TB[1:]
        moves = nd.take(between_KK.reshape(-1), pairs) * mask_TB[1:]
        ends = nd.take(end_K, tag_TB) * last_TB
        emitted = nd.pick(emission_TBK, tag_TB) * mask_TB
        return nd.sum(nd.take(start_K, tag_TB[0])) + nd.sum(moves) + nd.sum(ends) + nd.sum(emitted)

    def loss_and_gradient(emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray) -> float:
        place_T1 = np.arange(len(tag_TB))[:, None]
        mask_TB, last_TB, tags = nd.array(place_T1 < length_B), nd.array(place_T1 == length_B - 1), nd.array(tag_TB)
        emission = nd.array(emission_TBK)
        emission.attach_grad()
        with autograd.record():
            loss = nd.sum(log_partition(emission, mask_TB)) - gold(emission, tags, mask_TB, last_TB)
        loss.backward()
        nd.waitall()
        return float(loss.asscalar())

    return loss_and_gradient
