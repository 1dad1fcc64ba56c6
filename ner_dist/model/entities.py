"""A decoded batch -> the entities in it with their confidence.

Axes: T tokens, B sentences, K tags, M tokens without padding, S entities of a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract import tag_schemes
from ner_dist.data.batch import Batch
from ner_dist.model import crf
from ner_dist.model.crf import TransitionScores


class DecodedBatch(NamedTuple):
    """A batch with the model's emissions and the tags decoded from them."""

    batch: Batch
    emission_TBK: np.ndarray
    transition_scores: TransitionScores
    # BILOU ids, int64.
    tag_TB: np.ndarray
    # Probabilities are those of the scores divided by it; the decoded tags do not depend on it.
    temperature: float = 1.0

    def scaled(self) -> tuple[np.ndarray, TransitionScores]:
        """Emissions and transition scores of which the probabilities are made; forbidden transitions have -inf."""
        scores = self.transition_scores.allowed()
        if self.temperature == 1:
            return self.emission_TBK, scores
        divided = TransitionScores(*(values / self.temperature for values in scores))
        return self.emission_TBK.astype(np.float64) / self.temperature, divided


class Entities(NamedTuple):
    """Ordered by sentence and token."""

    # Column in the batch; first token and end (exclusive) within the sentence; type id.
    sentence_S: np.ndarray
    first_S: np.ndarray
    end_S: np.ndarray
    type_S: np.ndarray
    # The model's probability of the entity, whatever the rest of the sentence is.
    confidence_S: np.ndarray


def predicted_entities(decoded: DecodedBatch) -> Entities:
    """The entities of the decoded tags."""
    return tagged_entities(decoded, decoded.tag_TB)


def tagged_entities(decoded: DecodedBatch, tag_TB: np.ndarray) -> Entities:
    """The entities of any valid tags of the batch. Confidence is their marginal probability over all valid BILOU
    sequences; 0 for types that the model does not know."""
    length_B = decoded.batch.length_B
    tag_M, starts_M = concatenate_sentences(tag_TB, length_B)
    spans = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_M), starts_M)
    offset_B = np.cumsum(length_B) - length_B
    sentence_S = np.searchsorted(offset_B, spans.start_E, side="right") - 1
    first_S, end_S = (position - offset_B[sentence_S] for position in (spans.start_E, spans.end_E))
    confidence_S = _span_probabilities(decoded, tag_TB, (sentence_S, first_S, end_S))
    return Entities(sentence_S, first_S, end_S, spans.type_E, confidence_S)


def blank_probabilities(decoded: DecodedBatch, found: Entities) -> np.ndarray:
    """For each of these spans, the model's probability that none of its tokens is in an entity: float64 (S,)."""
    blank_TB = np.zeros_like(decoded.tag_TB)
    return _span_probabilities(decoded, blank_TB, (found.sentence_S, found.first_S, found.end_S))


def _span_probabilities(
    decoded: DecodedBatch, tag_TB: np.ndarray, spans_S: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    emission_TBK, scores = decoded.scaled()
    # Gold may have types that the model does not know.
    known_TB = tag_TB < emission_TBK.shape[2]
    sentence_S, first_S, _ = spans_S
    probability_S = crf.span_probabilities(
        emission_TBK, decoded.batch.length_B, scores, np.where(known_TB, tag_TB, 0), spans_S
    )
    return np.where(known_TB[first_S, sentence_S], probability_S, 0.0)


def concatenate_sentences(tag_TB: np.ndarray, length_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tags of a batch's sentences end to end without padding, and where each sentence starts (bool)."""
    real_BT = np.arange(len(tag_TB)) < length_B[:, None]
    starts_M = np.zeros(int(length_B.sum()), bool)
    starts_M[np.cumsum(length_B) - length_B] = True
    return tag_TB.T[real_BT], starts_M
