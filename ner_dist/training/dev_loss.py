"""The loss of a scored split: what training minimises, without dropout, as a mean over sentences.

It tells epochs apart whose F1 is the same. Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import math

import numpy as np

from ner_dist.config import Loss
from ner_dist.model import crf
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm


class LossTally:
    """Adds up one rank's part of the split while it is scored."""

    def __init__(self, settings: Loss, class_weight_K: np.ndarray) -> None:
        """class_weight_K: as for training (objective.class_weights)."""
        self._settings, self._class_weight_K = settings, class_weight_K
        self._loss, self._num_sentences = 0.0, 0

    def add(self, decoded: DecodedBatch) -> None:
        self._loss += batch_loss(decoded, self._settings, self._class_weight_K)
        self._num_sentences += len(decoded.batch.length_B)

    def mean(self, comm: Comm) -> float:
        """Over the sentences of all ranks, the same on each of them; every rank must call it."""
        losses, counts = zip(*comm.gather_objects((self._loss, self._num_sentences)))
        # Exact, so that the order of the ranks does not matter.
        return math.fsum(losses) / sum(counts)


def batch_loss(decoded: DecodedBatch, settings: Loss, class_weight_K: np.ndarray) -> float:
    """Negative log-likelihood of the gold tags, weighted, summed over the batch."""
    batch = decoded.batch
    if settings.likelihood == "sentence":
        scores = decoded.transition_scores.allowed() if settings.forbid else decoded.transition_scores
        return crf.sentence_loss(decoded.emission_TBK, batch.tag_TB, batch.length_B, scores)
    token_M, sentence_M = np.nonzero(np.arange(len(batch.tag_TB))[:, None] < batch.length_B)
    emission_MK, gold_M = decoded.emission_TBK[token_M, sentence_M], batch.tag_TB[token_M, sentence_M]
    # In float64, so that the losses of two epochs can be compared.
    emission_MK = emission_MK.astype(np.float64)
    emission_MK -= emission_MK.max(1, keepdims=True)
    log_likelihood_M = emission_MK[np.arange(len(gold_M)), gold_M] - np.log(np.exp(emission_MK).sum(1))
    return -float((log_likelihood_M * class_weight_K[gold_M]).sum())
