"""How unsure the model is of a text, for each token that somebody would have to label.

Per token, because a long text is nearly always uncertain somewhere, and costs as much as several short ones.
"""

from __future__ import annotations

import math

import numpy as np

from ner_dist.prediction.documents import Document

MEASURES = ("probability", "margin", "entropy", "random")
# The logarithm of a smaller probability would be infinite.
_LEAST = 1e-300


def uncertainty(document: Document, measure: str, rng: np.random.Generator) -> float:
    """0 or more; the higher, the less sure. measure: one of MEASURES. The document must be tagged, and have tokens."""
    sentences = [sentence for sentence in document.sentences if sentence.tokens]
    if measure == "random":
        return float(rng.random())
    if measure == "margin":
        total = sum(1 - sentence.margin for sentence in sentences)
    elif measure == "entropy":
        total = sum(_entropy(sentence.confidence) for sentence in sentences)
        total += sum(_entropy(entity.confidence) for entity in document.entities)
    else:
        # Shen et al. 2018, section 4: the normalised log probability of the best reading.
        total = sum(-math.log(max(sentence.confidence, _LEAST)) for sentence in sentences)
    return total / document.num_tokens


def _entropy(probability: float) -> float:
    """Of being right or wrong, in nats."""
    return -sum(p * math.log(p) for p in (probability, 1 - probability) if p > 0)
