"""How sure the model is of a whole sentence: the probability of its best reading, and the margin to the second best.

A reading is a valid BILOU tag sequence, which says which entities there are, or that there are none.
Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.model import crf
from ner_dist.model.entities import DecodedBatch
from ner_dist.model.second_best import best_two_scores


class Certainty(NamedTuple):
    """Of the best reading of each sentence: float64 (B,)."""

    # The model's probability of it.
    probability_B: np.ndarray
    # That minus the probability of the second best reading; 1 where there is no second.
    margin_B: np.ndarray


def sentence_certainty(decoded: DecodedBatch) -> Certainty:
    """By the scores of the batch at its temperature; the decoded tags themselves are not looked at."""
    emission_TBK, scores = decoded.scaled()
    length_B = decoded.batch.length_B
    log_partition_B = crf.log_partition(emission_TBK, length_B, scores)
    best_B, second_B = best_two_scores(emission_TBK, length_B, scores)
    # Rounding may take a probability beyond 1.
    probability_B = np.minimum(np.exp(best_B - log_partition_B), 1)
    margin_B = np.maximum(probability_B - np.exp(second_B - log_partition_B), 0)
    return Certainty(probability_B, np.where(np.isfinite(second_B), margin_B, 1))
