"""A decoded batch -> the entities in it with their confidence.

Axes: T tokens, B sentences, K tags, M tokens without padding, S predicted entities of a batch.
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
    """The entities of the decoded tags. Confidence is their marginal probability over all valid BILOU sequences."""
    length_B = decoded.batch.length_B
    tag_M, starts_M = concatenate_sentences(decoded.tag_TB, length_B)
    spans = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_M), starts_M)
    offset_B = np.cumsum(length_B) - length_B
    sentence_S = np.searchsorted(offset_B, spans.start_E, side="right") - 1
    first_S, end_S = (position - offset_B[sentence_S] for position in (spans.start_E, spans.end_E))
    scores, spans_S = decoded.transition_scores.allowed(), (sentence_S, first_S, end_S)
    confidence_S = crf.span_probabilities(decoded.emission_TBK, length_B, scores, decoded.tag_TB, spans_S)
    return Entities(sentence_S, first_S, end_S, spans.type_E, confidence_S)


def concatenate_sentences(tag_TB: np.ndarray, length_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tags of a batch's sentences end to end without padding, and where each sentence starts (bool)."""
    real_BT = np.arange(len(tag_TB)) < length_B[:, None]
    starts_M = np.zeros(int(length_B.sum()), bool)
    starts_M[np.cumsum(length_B) - length_B] = True
    return tag_TB.T[real_BT], starts_M
