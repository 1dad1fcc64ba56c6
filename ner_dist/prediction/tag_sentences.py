"""Sentences of tokens -> the entities in each, and how sure the model is of it, in batches of similar length.

Axes: T tokens, B sentences of a batch, K tags, R all sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.data.batch import Batch
from ner_dist.model.confidence import sentence_certainty
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.model.viterbi import decode
from ner_dist.prediction.documents import Sentence
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.identity import ModelIdentity

# The most of one batch: sentences, and tokens with padding, which bound its memory where sentences are long.
_BATCH_SENTENCES, _BATCH_TOKENS = 128, 8192


class TaggerNetwork(Protocol):
    """A model as prediction sees it: CheckpointNetwork (MXNet) or OnnxNetwork (an export)."""

    vocabularies: Vocabularies
    transition_scores: TransitionScores
    # By which probabilities are calibrated.
    temperature: float

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""

    @property
    def examples(self) -> Sequence[str]:
        """Texts to try it on."""

    def emissions(self, batch: Batch) -> np.ndarray:
        """float32 (T, B, K)."""


class FoundInSentence(NamedTuple):
    # First token, the one after the last, id of the type, confidence.
    spans: list[tuple[int, int, int, float]]
    # The probability of its best reading, and the margin to the second; None if it was not asked for.
    certainty: tuple[float, float] | None


def tag_sentences(
    network: TaggerNetwork, encoder: Encoder, sentences: Sequence[Sentence], certainty: bool
) -> list[FoundInSentence]:
    """All of them must have tokens. Raises UserError if the model needs a feature that one of them does not have."""
    spans_R: list[list[tuple[int, int, int, float]]] = [[] for _ in sentences]
    certainty_R: list[tuple[float, float] | None] = [None] * len(sentences)
    if not sentences:
        return []
    batches = encoder.batches(sentences)
    for rows in rows_of_similar_length(sentences):
        batch = batches.batch(rows)
        decoded = _decoded(network, batch)
        for column, *span in zip(*(part.tolist() for part in predicted_entities(decoded))):
            spans_R[rows[column]].append(tuple(span))
        if certainty:
            for row, *pair in zip(rows, *(part.tolist() for part in sentence_certainty(decoded))):
                certainty_R[row] = tuple(pair)
    return list(map(FoundInSentence, spans_R, certainty_R))


def _decoded(network: TaggerNetwork, batch: Batch) -> DecodedBatch:
    emission_TBK, scores = network.emissions(batch), network.transition_scores
    return DecodedBatch(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores), network.temperature)


def rows_of_similar_length(sentences: Sequence[Sentence]) -> Iterator[np.ndarray]:
    """Indices of the sentences of a batch, for each batch; sentences of similar length come together."""
    length_R = np.array([len(sentence.tokens) for sentence in sentences])
    order = np.argsort(length_R, kind="stable")
    first = 0
    while first < len(order):
        # Lengths rise: a batch ends before the first sentence that would make it hold too many tokens.
        lengths = length_R[order[first : first + _BATCH_SENTENCES]]
        fits = np.flatnonzero(lengths * np.arange(1, len(lengths) + 1) <= _BATCH_TOKENS)
        size = int(fits[-1]) + 1 if len(fits) else 1
        yield order[first : first + size]
        first += size
