"""What a model says of a batch, and the entities in it with their confidence; no MXNet here.

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
    """A batch and what the model says of it."""

    batch: Batch
    emission_TBK: np.ndarray
    # What sequences earn beside their emissions.
    transition_scores: TransitionScores
    # Predicted BILOU ids, int64.
    tag_TB: np.ndarray


class Entities(NamedTuple):
    """In the order of sentences and tokens."""

    # Which of the batch's sentences, its first token there, the one after its last, and the number of its type.
    sentence_S: np.ndarray
    first_S: np.ndarray
    end_S: np.ndarray
    type_S: np.ndarray
    # The probability of the entity by the model, whatever the rest of the sentence is.
    confidence_S: np.ndarray


def predicted_entities(predicted: DecodedBatch) -> Entities:
    """The entities of the predicted tags. Confidence is by the CRF, or by the tags' softmax over valid sequences."""
    length_B = predicted.batch.length_B
    tag_M, starts_M = concatenate_sentences(predicted.tag_TB, length_B)
    found = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_M), starts_M)
    offset_B = np.cumsum(length_B) - length_B
    sentence_S = np.searchsorted(offset_B, found.start_E, side="right") - 1
    first_S, end_S = (place - offset_B[sentence_S] for place in (found.start_E, found.end_E))
    confidence_S = crf.span_probabilities(
        predicted.emission_TBK,
        length_B,
        predicted.transition_scores.allowed(),
        predicted.tag_TB,
        (sentence_S, first_S, end_S),
    )
    return Entities(sentence_S, first_S, end_S, found.type_E, confidence_S)


def concatenate_sentences(tag_TB: np.ndarray, length_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences of a batch one after another without padding, and where each begins (bool)."""
    real_BT = np.arange(len(tag_TB)) < length_B[:, None]
    starts_M = np.zeros(int(length_B.sum()), bool)
    starts_M[np.cumsum(length_B) - length_B] = True
    return tag_TB.T[real_BT], starts_M
