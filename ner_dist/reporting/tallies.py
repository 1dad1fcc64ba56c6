"""Entities counted by sentence and by group: the addable numbers behind every table and interval.

Axes: N sentences, L labels (rows of a table), 3 counts (right, predicted, gold), G gold and P predicted entities,
E either, C tokens in entities, V word ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans, span_tokens
from ner_dist.evaluation.calibration import CONFIDENCES
from ner_dist.reporting.gold_split import GoldSplit, SeenInTraining
from ner_dist.reporting.judged_predictions import JudgedPredictions

# Lower bounds of the groups.
SENTENCE_LENGTHS = (1, 6, 11, 21, 31, 41)
ENTITY_LENGTHS = (1, 2, 3, 4, 5)
SEEN = ("seen in train with this type", "seen in train with other types only", "never an entity in train")


class Tally(NamedTuple):
    labels: list[str]
    # Right, predicted and gold, int64.
    count_NL3: np.ndarray

    def without_empty(self) -> Tally:
        """Only the labels that some entity has."""
        kept = np.flatnonzero(self.count_NL3.any((0, 2)))
        return Tally([self.labels[i] for i in kept], self.count_NL3[:, kept])


def tally_all(gold: GoldSplit, judged: JudgedPredictions, seen: SeenInTraining) -> dict[str, Tally]:
    """The tables of the report: whole split, types, and groups. A right entity is in the same group on both sides.

    Without the entities of train there is no "seen".
    """
    both = (gold.gold, judged.predicted)
    first_G, first_P = (np.zeros(len(spans.start_E), np.int64) for spans in both)
    sentence_lengths = (_group(gold.length_N[gold.sentence_of(s.start_E)], SENTENCE_LENGTHS) for s in both)
    entity_lengths = (_group(s.end_E - s.start_E, ENTITY_LENGTHS) for s in both)
    # Gold entities have no confidence; only the precision matters there.
    confidences = (np.full(len(gold.gold.start_E), -1), _group(judged.confidence_P, CONFIDENCES))
    groups: dict[str, tuple[list[str], Iterable[np.ndarray]]] = {
        "type": (gold.entity_types, (s.type_E for s in both)),
        "sentence_length": (_ranges(SENTENCE_LENGTHS), sentence_lengths),
        "entity_length": (_ranges(ENTITY_LENGTHS), entity_lengths),
        "words": (["all words known", "with an unknown word"], (_unknown(gold, s, seen) for s in both)),
        "confidence": (_shares(CONFIDENCES), confidences),
    }
    if seen.types_of is not None:
        groups["seen"] = (list(SEEN), [_seen(gold, s, seen.types_of) for s in both])
    # Tokens of entities with the right BILOU tag, predicted, and gold.
    gold_M, tag_M = gold.gold_M, judged.tag_M
    token_3M = np.array([(gold_M != 0) & (gold_M == tag_M), tag_M != 0, gold_M != 0], np.int64)
    return {
        "entity": _tally(gold, judged, ["all"], first_G, first_P),
        "boundaries": _tally(gold, judged, ["boundaries"], first_G, first_P, judged.span_right_P),
        "token": Tally(["tokens"], np.add.reduceat(token_3M, gold.first_N, 1).T[:, None]),
        **{name: _tally(gold, judged, labels, *found).without_empty() for name, (labels, found) in groups.items()},
    }


def _tally(
    gold: GoldSplit,
    judged: JudgedPredictions,
    labels: list[str],
    gold_G: np.ndarray,
    predicted_P: np.ndarray,
    right_P: np.ndarray | None = None,
) -> Tally:
    """Sums by sentence and label. gold_G, predicted_P: the label of each entity, -1 for none."""

    def sums(spans: Spans, label_E: np.ndarray) -> np.ndarray:
        kept = np.flatnonzero(label_E >= 0)
        cell = gold.sentence_of(spans.start_E[kept]) * len(labels) + label_E[kept]
        return np.bincount(cell, minlength=gold.num_sentences * len(labels)).reshape(-1, len(labels))

    right = sums(judged.predicted, np.where(judged.right_P if right_P is None else right_P, predicted_P, -1))
    return Tally(labels, np.stack([right, sums(judged.predicted, predicted_P), sums(gold.gold, gold_G)], 2))


def _unknown(gold: GoldSplit, spans: Spans, seen: SeenInTraining) -> np.ndarray:
    """1 for entities with a word that is not in train, else 0."""
    token_C, span_C = span_tokens(spans)
    unknown_C = ~seen.known_V[gold.word_M[token_C]]
    return (np.bincount(span_C, unknown_C, len(spans.start_E)) > 0).astype(np.int64)


def _seen(gold: GoldSplit, spans: Spans, types_of: dict[str, set[int]]) -> np.ndarray:
    """0 for entities that train has with their type, 1 with other types only, 2 not at all; as spelled."""
    groups = []
    for start, end, type_id in zip(*(places.tolist() for places in spans)):
        types = types_of.get(gold.words_of(start, end))
        groups.append(2 if types is None else 0 if type_id in types else 1)
    return np.array(groups, np.int64)


def _group(values: np.ndarray, bounds: tuple[float, ...]) -> np.ndarray:
    return np.searchsorted(bounds, values, side="right") - 1


def _ranges(bounds: tuple[int, ...]) -> list[str]:
    """Names of groups of whole numbers."""
    names = [f"{low}" if low + 1 == high else f"{low}\N{EN DASH}{high - 1}" for low, high in zip(bounds, bounds[1:])]
    return [*names, f"{bounds[-1]} and more"]


def _shares(bounds: tuple[float, ...]) -> list[str]:
    return [f"{100 * low:.0f}\N{EN DASH}{100 * high:.0f} %" for low, high in zip(bounds, (*bounds[1:], 1.0))]
