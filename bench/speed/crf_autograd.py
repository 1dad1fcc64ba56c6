"""The linear-chain CRF as operators of MXNet, differentiated by autograd: what ner_dist.model.crf is measured against.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np
from mxnet import autograd, nd

from ner_dist.model.crf import TransitionScores


class AutogradCrf:
    def __init__(self, scores: TransitionScores) -> None:
        self._scores = [nd.array(values) for values in scores]
        for values in self._scores:
            values.attach_grad()

    def loss_and_gradient(self, emission_TBK: np.ndarray, tag_TB: np.ndarray, length_B: np.ndarray) -> float:
        """Negative log-likelihood summed over the sentences; gradients are left in the arrays."""
        num_tokens = len(emission_TBK)
        emission = nd.array(emission_TBK)
        emission.attach_grad()
        mask_TB = nd.array(np.arange(num_tokens)[:, None] < length_B)
        last_TB = nd.array(np.arange(num_tokens)[:, None] == length_B - 1)
        tags = nd.array(tag_TB)
        with autograd.record():
            loss = nd.sum(self._log_partition(emission, mask_TB)) - self._gold(emission, tags, mask_TB, last_TB)
        loss.backward()
        nd.waitall()
        return float(loss.asscalar())

    def _log_partition(self, emission_TBK: Any, mask_TB: Any) -> Any:
        start_K, between_KK, end_K = self._scores
        reached_BK = start_K + emission_TBK[0]
        for t in range(1, len(emission_TBK)):
            # (B, from, to)
            step_BKK = nd.broadcast_add(reached_BK.expand_dims(2), between_KK.expand_dims(0))
            next_BK = _log_sum_exp(step_BKK, 1) + emission_TBK[t]
            inside_BK = nd.broadcast_like(mask_TB[t].expand_dims(1), reached_BK)
            reached_BK = nd.where(inside_BK, next_BK, reached_BK)
        return _log_sum_exp(reached_BK + end_K, 1)

    def _gold(self, emission_TBK: Any, tag_TB: Any, mask_TB: Any, last_TB: Any) -> Any:
        start_K, between_KK, end_K = self._scores
        num_tags = len(start_K)
        pairs = tag_TB[:-1] * num_tags + tag_TB[1:]
        moves = nd.take(between_KK.reshape(-1), pairs) * mask_TB[1:]
        ends = nd.take(end_K, tag_TB) * last_TB
        emitted = nd.pick(emission_TBK, tag_TB) * mask_TB
        return nd.sum(nd.take(start_K, tag_TB[0])) + nd.sum(moves) + nd.sum(ends) + nd.sum(emitted)


def _log_sum_exp(values: mx.nd.NDArray, axis: int) -> Any:
    peak = nd.max(values, axis=axis, keepdims=True)
    total = nd.sum(nd.exp(nd.broadcast_sub(values, peak)), axis=axis)
    return nd.log(total) + peak.squeeze(axis=axis)
