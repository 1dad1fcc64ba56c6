"""Sentences worth reading: the most confident wrong entities, missed entities, and right ones of low confidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans, span_tokens
from ner_dist.reporting.error_kinds import MISSED, NAMES, SortedErrors
from ner_dist.reporting.gold_split import GoldSplit
from ner_dist.reporting.judged_predictions import JudgedPredictions

# Tokens shown on each side.
CONTEXT = 12


class Mark(NamedTuple):
    """The part of an entity within a segment."""

    # Of the entity's type.
    name: str
    # Whether the entity begins and ends here; one that others overlap has several segments.
    begins: bool
    ends: bool


class Segment(NamedTuple):
    """Tokens with the same gold entity, or none, and the same predicted entity, or none."""

    text: str
    gold: Mark | None
    predicted: Mark | None
    # Whether gold and prediction agree, and whether the example is about this segment.
    agrees: bool
    focus: bool


class Example(NamedTuple):
    # FILE:LINE, or FILE:RECORD
    place: str
    kind: str
    # The model's probability of the entity.
    probability: float
    # Whether the sentence goes on before and after what is shown.
    before: bool
    segments: list[Segment]
    after: bool


class Examples(NamedTuple):
    wrong: list[Example]
    missed: list[Example]
    shaky: list[Example]
    # One for each kind of error, by its name.
    of_kind: dict[str, Example]


def choose_examples(gold: GoldSplit, judged: JudgedPredictions, found: SortedErrors, number: int) -> Examples:
    """At most `number` wrong ones and half as many of each of the others, one per sentence."""
    view = _View(gold, judged, found)
    by_confidence_P = np.argsort(judged.confidence_P, kind="stable")
    wrong = [i for i in by_confidence_P[::-1] if not judged.right_P[i]]
    missed = [i for i in np.argsort(judged.probability_G, kind="stable") if found.kind_G[i] == MISSED]
    shaky = [i for i in by_confidence_P if judged.right_P[i]]
    of_kind = {NAMES[found.kind_P[i]]: view.predicted(i) for i in reversed(wrong)}
    if missed:
        of_kind[NAMES[MISSED]] = view.gold(missed[-1])
    return Examples(
        [view.predicted(i) for i in _one_per_sentence(gold, judged.predicted, wrong, number)],
        [view.gold(i) for i in _one_per_sentence(gold, gold.gold, missed, number // 2)],
        [view.predicted(i) for i in _one_per_sentence(gold, judged.predicted, shaky, number // 2)],
        of_kind,
    )


def _one_per_sentence(gold: GoldSplit, spans: Spans, order: list[int], number: int) -> list[int]:
    """The first entity of each sentence text, since a corpus often repeats sentences."""
    chosen: dict[str, int] = {}
    for i in order:
        if len(chosen) == number:
            break
        chosen.setdefault(gold.words_of(*gold.sentence_around(spans.start_E[i])), i)
    return list(chosen.values())


class _View:
    """Cuts the sentences of entities into segments."""

    def __init__(self, gold: GoldSplit, judged: JudgedPredictions, found: SortedErrors) -> None:
        self._gold, self._judged, self._found = gold, judged, found
        # The gold and the predicted entity of each token, -1 for none.
        self._owners_2M = np.full((2, len(gold.text_M)), -1)
        for owner_M, spans in zip(self._owners_2M, (gold.gold, judged.predicted)):
            token_C, span_C = span_tokens(spans)
            owner_M[token_C] = span_C
        # Whether an entity goes on from the token before, also for the token behind the last.
        before_2M, owners_2M = self._owners_2M[:, :-1], self._owners_2M[:, 1:]
        self._goes_on_M = np.pad(((owners_2M == before_2M) & (owners_2M >= 0)).any(0), 1)

    def predicted(self, i: int) -> Example:
        return self._example(self._judged.predicted, i, self._found.kind_P[i], self._judged.confidence_P[i])

    def gold(self, i: int) -> Example:
        return self._example(self._gold.gold, i, self._found.kind_G[i], self._judged.probability_G[i])

    def _example(self, spans: Spans, i: int, kind: int, probability: float) -> Example:
        start, end = int(spans.start_E[i]), int(spans.end_E[i])
        first, behind = self._gold.sentence_around(start)
        low, high = max(first, start - CONTEXT), min(behind, end + CONTEXT)
        # No entity is cut in two.
        while self._goes_on_M[low]:
            low -= 1
        while self._goes_on_M[high]:
            high += 1
        focus = set(self._owners_2M[0, start:end].tolist()) - {-1} if NAMES[kind] != "right" else set()
        changes = np.diff(self._owners_2M[:, low:high]).any(0).nonzero()[0] + low + 1
        cuts = [low, *changes.tolist(), high]
        segments = [self._segment(a, b, start, end, focus) for a, b in zip(cuts, cuts[1:])]
        place = self._gold.place_of(int(self._gold.sentence_of(spans.start_E[i])))
        return Example(place, NAMES[kind], float(probability), low > first, segments, high < behind)

    def _segment(self, start: int, end: int, focus_start: int, focus_end: int, focus_gold: set[int]) -> Segment:
        gold, predicted = self._owners_2M[:, start].tolist()
        return Segment(
            self._gold.words_of(start, end),
            self._mark(self._gold.gold, gold, start, end),
            self._mark(self._judged.predicted, predicted, start, end),
            agrees=bool(self._judged.right_P[predicted]) if predicted >= 0 else gold < 0,
            focus=focus_start <= start < focus_end or gold in focus_gold,
        )

    def _mark(self, spans: Spans, i: int, start: int, end: int) -> Mark | None:
        if i < 0:
            return None
        name = self._gold.entity_types[spans.type_E[i]]
        return Mark(name, start == spans.start_E[i], end == spans.end_E[i])
