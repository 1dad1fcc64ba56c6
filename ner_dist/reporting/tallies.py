"""Entities counted by sentence and by what they are like: the addable numbers that tables and intervals come from.

Axes: N sentences, L labels (rows of a table), 3 counts (right, predicted, gold), G gold and P predicted entities,
V word ids.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans, span_tokens
from ner_dist.reporting.answers import Answers
from ner_dist.reporting.corpus import Corpus, Training

SENTENCE_LENGTHS = (1, 6, 11, 21, 31, 41)
ENTITY_LENGTHS = (1, 2, 3, 4, 5)
CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Tally(NamedTuple):
    labels: list[str]
    # Right, predicted and gold, int64.
    count_NL3: np.ndarray

    def without_empty(self) -> Tally:
        """Without the labels that no entity has."""
        kept = np.flatnonzero(self.count_NL3.any((0, 2)))
        return Tally([self.labels[i] for i in kept], self.count_NL3[:, kept])


def tally_all(corpus: Corpus, answers: Answers, training: Training) -> dict[str, Tally]:
    """Every table of the report: whole split, types, and groups of entities; a right entity is in one group of each."""
    gold, predicted = corpus.gold, answers.predicted
    both = (gold, predicted)

    def by(labels: list[str], gold_G: np.ndarray, predicted_P: np.ndarray, right_P: np.ndarray | None = None) -> Tally:
        right_P = answers.right_P if right_P is None else right_P
        return _tally(corpus, predicted, labels, gold_G, predicted_P, right_P)

    nothing = [np.zeros(len(spans.start_E), np.int64) for spans in both]
    sentence_length = [_class(corpus.length_N[corpus.sentence_of(s.start_E)], SENTENCE_LENGTHS) for s in both]
    entity_length = [_class(s.end_E - s.start_E, ENTITY_LENGTHS) for s in both]
    confidence_P = _class(answers.confidence_P, CONFIDENCES)
    groups = {
        "entity": by(["all"], nothing[0], nothing[1]),
        "boundaries": by(["boundaries"], nothing[0], nothing[1], answers.span_right_P),
        "token": Tally(["tokens"], _count_tokens(corpus, answers.tag_M)[:, None]),
        "type": by(corpus.entity_types, gold.type_E, predicted.type_E),
        "sentence_length": by(_ranges(SENTENCE_LENGTHS), sentence_length[0], sentence_length[1]),
        "entity_length": by(_ranges(ENTITY_LENGTHS), entity_length[0], entity_length[1]),
        "words": by(["all words known", "with an unknown word"], *(_unknown(corpus, s, training) for s in both)),
        "seen": by(
            ["seen in train with this type", "seen in train with other types only", "never an entity in train"],
            *(_seen(corpus, s, training) for s in both),
        ),
        # Gold entities have no confidence: what counts here is how many of the predicted are right.
        "confidence": by(_shares(CONFIDENCES), np.full(len(gold.start_E), -1), confidence_P),
    }
    whole = ("entity", "boundaries", "token")
    return {name: tally if name in whole else tally.without_empty() for name, tally in groups.items()}


def _tally(
    corpus: Corpus,
    predicted: Spans,
    labels: list[str],
    gold_G: np.ndarray,
    predicted_P: np.ndarray,
    right_P: np.ndarray,
) -> Tally:
    """Sums by sentence and label. gold_G, predicted_P: the label of each entity, -1 for none."""

    def sums(spans: Spans, label_E: np.ndarray) -> np.ndarray:
        kept = np.flatnonzero(label_E >= 0)
        cell = corpus.sentence_of(spans.start_E[kept]) * len(labels) + label_E[kept]
        return np.bincount(cell, minlength=corpus.num_sentences * len(labels)).reshape(-1, len(labels))

    right = sums(predicted, np.where(right_P, predicted_P, -1))
    return Tally(labels, np.stack([right, sums(predicted, predicted_P), sums(corpus.gold, gold_G)], 2))


def _count_tokens(corpus: Corpus, tag_M: np.ndarray) -> np.ndarray:
    """(N, 3): tokens of entities with the right BILOU tag, predicted, and gold."""
    gold_M = corpus.gold_M
    of_token = ((gold_M != 0) & (gold_M == tag_M), tag_M != 0, gold_M != 0)
    return np.stack([np.add.reduceat(here_M.astype(np.int64), corpus.first_N) for here_M in of_token], 1)


def _unknown(corpus: Corpus, spans: Spans, training: Training) -> np.ndarray:
    """1 for entities with a token whose word is not one of train, else 0."""
    token_C, span_C = span_tokens(spans)
    strange_C = ~training.known_V[corpus.word_M[token_C]]
    return (np.bincount(span_C, strange_C, len(spans.start_E)) > 0).astype(np.int64)


def _seen(corpus: Corpus, spans: Spans, training: Training) -> np.ndarray:
    """0 for entities that train has with their type, 1 with other types alone, 2 not at all; as spelt."""
    seen = []
    for start, end, kind in zip(*(places.tolist() for places in spans)):
        types = training.types_of.get(corpus.words_of(start, end))
        seen.append(2 if types is None else 0 if kind in types else 1)
    return np.array(seen, np.int64)


def _class(values: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """In which class each value is; classes begin at the edges."""
    return np.searchsorted(edges, values, side="right") - 1


def _ranges(edges: tuple[int, ...]) -> list[str]:
    """Names of classes of whole numbers."""
    names = [f"{low}" if low + 1 == high else f"{low}\N{EN DASH}{high - 1}" for low, high in zip(edges, edges[1:])]
    return [*names, f"{edges[-1]} and more"]


def _shares(edges: tuple[float, ...]) -> list[str]:
    return [f"{100 * low:.0f}\N{EN DASH}{100 * high:.0f} %" for low, high in zip(edges, (*edges[1:], 1.0))]
