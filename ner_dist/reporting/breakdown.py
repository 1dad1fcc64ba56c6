"""Errors by kind: wrong type, too long, too short, overlapping otherwise, missed, spurious. Every error is in one.

A wrong predicted entity and a gold one that was not found are set against the one of the other side that they share
most tokens with, the first of equals. Axes: P predicted entities, G gold entities, E the ones or the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans
from ner_dist.evaluation.f1 import ratios
from ner_dist.reporting.answers import Answers
from ner_dist.reporting.corpus import Corpus

RIGHT, WRONG_TYPE, TOO_LONG, TOO_SHORT, OVERLAPPING, MISSED, SPURIOUS = range(7)
NAMES = ("right", "wrong type", "too long", "too short", "overlapping otherwise", "missed", "spurious")
MEANINGS = (
    "",
    "the span is right, its type is not",
    "what was predicted begins earlier or ends later, and holds the entity",
    "what was predicted is a part of the entity",
    "each has tokens that the other lacks",
    "nothing was predicted at any token of the entity",
    "no token of the prediction is in an entity",
)


class Sorted(NamedTuple):
    """The kind of every entity, and its counterpart: the number of one of the other side, -1 for none."""

    kind_P: np.ndarray
    gold_of_P: np.ndarray
    kind_G: np.ndarray
    predicted_of_G: np.ndarray


class ErrorKind(NamedTuple):
    """A line of the table of errors."""

    name: str
    meaning: str
    # Gold entities that were not found for this reason, and predicted ones that are wrong for it.
    gold: int
    predicted: int
    # Of the gold ones, or of the predicted if spurious: how many whose counterpart has their type; by type.
    same_type: int
    per_type: dict[str, int]
    # Entity F1 if all of the predicted ones were replaced by all of the gold ones.
    f1_if_mended: float


def counterparts(spans: Spans, others: Spans) -> np.ndarray:
    """For each span the other with which it shares most tokens, -1 if with none: int64 (E,)."""
    found = np.full(len(spans.start_E), -1)
    # Spans of one side never overlap, so that both ends rise.
    first_E = np.searchsorted(others.end_E, spans.start_E, side="right")
    behind_E = np.searchsorted(others.start_E, spans.end_E, side="left")
    for i in np.flatnonzero(behind_E > first_E):
        near = slice(first_E[i], behind_E[i])
        shared = np.minimum(others.end_E[near], spans.end_E[i]) - np.maximum(others.start_E[near], spans.start_E[i])
        found[i] = first_E[i] + int(np.argmax(shared))
    return found


def sort_errors(corpus: Corpus, answers: Answers) -> Sorted:
    gold, predicted = corpus.gold, answers.predicted
    gold_of_P, predicted_of_G = counterparts(predicted, gold), counterparts(gold, predicted)
    kind_P = _kinds(predicted, gold, gold_of_P, SPURIOUS)
    kind_G = _kinds(gold, predicted, predicted_of_G, MISSED)
    # Seen from the gold entity, it is the other that is long or short.
    kind_G = np.select([kind_G == TOO_LONG, kind_G == TOO_SHORT], [TOO_SHORT, TOO_LONG], kind_G)
    return Sorted(kind_P, gold_of_P, kind_G, predicted_of_G)


def _kinds(spans: Spans, others: Spans, other_of_E: np.ndarray, alone: int) -> np.ndarray:
    """What is wrong with spans as predictions of the others."""
    kind_E = np.full(len(spans.start_E), alone)
    met = np.flatnonzero(other_of_E >= 0)
    mine, theirs = (
        Spans(s.start_E[chosen], s.end_E[chosen], s.type_E[chosen])
        for s, chosen in ((spans, met), (others, other_of_E[met]))
    )
    starts_in, ends_in = mine.start_E >= theirs.start_E, mine.end_E <= theirs.end_E
    starts_out, ends_out = mine.start_E <= theirs.start_E, mine.end_E >= theirs.end_E
    same = starts_in & ends_in & starts_out & ends_out
    kind_E[met] = np.select(
        [same & (mine.type_E == theirs.type_E), same, starts_out & ends_out, starts_in & ends_in],
        [RIGHT, WRONG_TYPE, TOO_LONG, TOO_SHORT],
        OVERLAPPING,
    )
    return kind_E


def error_kinds(corpus: Corpus, answers: Answers, found: Sorted) -> list[ErrorKind]:
    """The kinds that occur. Their gold entities and the right ones are all gold ones; so it is with the predicted."""
    gold, predicted = corpus.gold, answers.predicted
    right, num_predicted, num_gold = int(answers.right_P.sum()), len(predicted.start_E), len(gold.start_E)
    kinds = []
    for kind in range(WRONG_TYPE, len(NAMES)):
        of_gold, of_predicted = np.flatnonzero(found.kind_G == kind), np.flatnonzero(found.kind_P == kind)
        if not len(of_gold) and not len(of_predicted):
            continue
        type_E = predicted.type_E[of_predicted] if kind == SPURIOUS else gold.type_E[of_gold]
        same = kind in (TOO_LONG, TOO_SHORT, OVERLAPPING)
        counterpart_type_E = predicted.type_E[found.predicted_of_G[of_gold]] if same else np.full(len(type_E), -1)
        change = len(of_gold) - len(of_predicted)
        kinds.append(
            ErrorKind(
                name=NAMES[kind],
                meaning=MEANINGS[kind],
                gold=len(of_gold),
                predicted=len(of_predicted),
                same_type=int((type_E == counterpart_type_E).sum()),
                per_type={name: int((type_E == i).sum()) for i, name in enumerate(corpus.entity_types)},
                f1_if_mended=ratios(right + len(of_gold), num_predicted + change, num_gold)["f1"],
            )
        )
    return kinds
