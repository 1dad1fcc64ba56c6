"""Errors by kind: wrong type, too long, too short, overlapping otherwise, missed, spurious. Each has exactly one.

A wrong predicted entity, or a gold entity that was not found, is paired with the entity of the other side that shares
most tokens with it, the first of equals. Axes: P predicted entities, G gold entities, E either.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans
from ner_dist.evaluation.f1 import ratios
from ner_dist.reporting.gold_split import GoldSplit
from ner_dist.reporting.judged_predictions import JudgedPredictions

RIGHT, WRONG_TYPE, TOO_LONG, TOO_SHORT, OVERLAPPING, MISSED, SPURIOUS = range(7)
NAMES = ("right", "wrong type", "too long", "too short", "overlapping otherwise", "missed", "spurious")
MEANINGS = (
    "",
    "the span is right, the type is wrong",
    "the prediction contains the entity and begins earlier or ends later",
    "the prediction is a part of the entity",
    "each has tokens that the other lacks",
    "nothing was predicted at any token of the entity",
    "no token of the prediction is in an entity",
)


class SortedErrors(NamedTuple):
    """The kind of every entity, and its counterpart: the number of an entity of the other side, -1 for none."""

    kind_P: np.ndarray
    gold_of_P: np.ndarray
    kind_G: np.ndarray
    predicted_of_G: np.ndarray


class ErrorKind(NamedTuple):
    name: str
    meaning: str
    # Gold entities not found, and predicted entities that are wrong, for this reason.
    gold: int
    predicted: int
    # Of the gold entities, or of the predicted ones if spurious: those whose counterpart has their type; all by type.
    same_type: int
    per_type: dict[str, int]
    # Entity F1 if the gold entities of this kind replaced the predicted ones.
    f1_if_fixed: float


def counterparts(spans: Spans, others: Spans) -> np.ndarray:
    """For each span the other with which it shares most tokens, -1 if with none: int64 (E,)."""
    found = np.full(len(spans.start_E), -1)
    # Spans of one side do not overlap, so their starts and their ends both increase.
    first_E = np.searchsorted(others.end_E, spans.start_E, side="right")
    behind_E = np.searchsorted(others.start_E, spans.end_E, side="left")
    for i in np.flatnonzero(behind_E > first_E):
        near = slice(first_E[i], behind_E[i])
        shared = np.minimum(others.end_E[near], spans.end_E[i]) - np.maximum(others.start_E[near], spans.start_E[i])
        found[i] = first_E[i] + int(np.argmax(shared))
    return found


def sort_errors(gold: GoldSplit, judged: JudgedPredictions) -> SortedErrors:
    gold_of_P, predicted_of_G = counterparts(judged.predicted, gold.gold), counterparts(gold.gold, judged.predicted)
    kind_P = _kinds(judged.predicted, gold.gold, gold_of_P, SPURIOUS)
    kind_G = _kinds(gold.gold, judged.predicted, predicted_of_G, MISSED)
    # For a gold entity, long and short are meant of its counterpart.
    kind_G = np.select([kind_G == TOO_LONG, kind_G == TOO_SHORT], [TOO_SHORT, TOO_LONG], kind_G)
    return SortedErrors(kind_P, gold_of_P, kind_G, predicted_of_G)


def _kinds(spans: Spans, others: Spans, other_of_E: np.ndarray, alone: int) -> np.ndarray:
    """What is wrong with spans as predictions of the others."""
    kind_E = np.full(len(spans.start_E), alone)
    met = np.flatnonzero(other_of_E >= 0)
    mine, theirs = (
        Spans(s.start_E[chosen], s.end_E[chosen], s.type_E[chosen])
        for s, chosen in ((spans, met), (others, other_of_E[met]))
    )
    within = (mine.start_E >= theirs.start_E) & (mine.end_E <= theirs.end_E)
    around = (mine.start_E <= theirs.start_E) & (mine.end_E >= theirs.end_E)
    kind_E[met] = np.select(
        [within & around & (mine.type_E == theirs.type_E), within & around, around, within],
        [RIGHT, WRONG_TYPE, TOO_LONG, TOO_SHORT],
        OVERLAPPING,
    )
    return kind_E


def error_kinds(gold: GoldSplit, judged: JudgedPredictions, found: SortedErrors) -> list[ErrorKind]:
    """The kinds that occur. With the right entities they add up to all gold and all predicted entities."""
    spans, predicted = gold.gold, judged.predicted
    right, num_predicted, num_gold = int(judged.right_P.sum()), len(predicted.start_E), len(spans.start_E)
    kinds = []
    for kind in range(WRONG_TYPE, len(NAMES)):
        of_gold, of_predicted = np.flatnonzero(found.kind_G == kind), np.flatnonzero(found.kind_P == kind)
        if not len(of_gold) and not len(of_predicted):
            continue
        type_E = predicted.type_E[of_predicted] if kind == SPURIOUS else spans.type_E[of_gold]
        overlaps = kind in (TOO_LONG, TOO_SHORT, OVERLAPPING)
        counterpart_type_E = predicted.type_E[found.predicted_of_G[of_gold]] if overlaps else np.full(len(type_E), -1)
        change = len(of_gold) - len(of_predicted)
        kinds.append(
            ErrorKind(
                name=NAMES[kind],
                meaning=MEANINGS[kind],
                gold=len(of_gold),
                predicted=len(of_predicted),
                same_type=int((type_E == counterpart_type_E).sum()),
                per_type={name: int((type_E == i).sum()) for i, name in enumerate(gold.entity_types)},
                f1_if_fixed=ratios(right + len(of_gold), num_predicted + change, num_gold)["f1"],
            )
        )
    return kinds
