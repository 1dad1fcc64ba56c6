"""Sentences worth reading: the wrong entities the model was surest of, what it overlooked and nearly missed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import Spans, span_tokens
from ner_dist.reporting.answers import Answers
from ner_dist.reporting.breakdown import MISSED, NAMES, Sorted
from ner_dist.reporting.corpus import Corpus

# Tokens shown on each side.
CONTEXT = 12


class Mark(NamedTuple):
    """An entity at a segment of text."""

    type_id: int
    name: str
    # Whether it begins and ends here; an entity that others cut up has several segments.
    begins: bool
    ends: bool


class Segment(NamedTuple):
    """Tokens that are in the same gold entity, or none, and in the same predicted one, or none."""

    text: str
    gold: Mark | None
    predicted: Mark | None
    # Whether gold and prediction agree here, and whether this is what the example is about.
    agrees: bool
    focus: bool


class Example(NamedTuple):
    sentence_id: int
    kind: str
    # The model's probability of the entity.
    probability: float
    before: bool
    segments: list[Segment]
    after: bool


class Examples(NamedTuple):
    wrong: list[Example]
    missed: list[Example]
    shaky: list[Example]
    # One of each kind of error, by its name.
    of_kind: dict[str, Example]


def choose(corpus: Corpus, answers: Answers, found: Sorted, number: int) -> Examples:
    """At most number of wrong ones, half as many of the others, each from a sentence of its own."""
    view = _View(corpus, answers, found)
    by_confidence_P = np.argsort(answers.confidence_P, kind="stable")
    wrong = [i for i in by_confidence_P[::-1] if not answers.right_P[i]]
    missed = [i for i in np.argsort(answers.probability_G, kind="stable") if found.kind_G[i] == MISSED]
    shaky = [i for i in by_confidence_P if answers.right_P[i]]
    of_kind = {NAMES[found.kind_P[i]]: view.predicted(i) for i in reversed(wrong)}
    if missed:
        of_kind[NAMES[MISSED]] = view.gold(missed[-1])
    return Examples(
        [view.predicted(i) for i in _one_a_sentence(corpus, answers.predicted, wrong, number)],
        [view.gold(i) for i in _one_a_sentence(corpus, corpus.gold, missed, number // 2)],
        [view.predicted(i) for i in _one_a_sentence(corpus, answers.predicted, shaky, number // 2)],
        of_kind,
    )


def _one_a_sentence(corpus: Corpus, spans: Spans, order: list[int], number: int) -> list[int]:
    """The first of each text of a sentence: a corpus often has the same one several times."""
    chosen: dict[str, int] = {}
    for i in order:
        if len(chosen) == number:
            break
        sentence = int(corpus.sentence_of(spans.start_E[i]))
        first = int(corpus.first_N[sentence])
        chosen.setdefault(corpus.words_of(first, first + int(corpus.length_N[sentence])), i)
    return list(chosen.values())


class _View:
    """Cuts the sentences of entities into segments."""

    def __init__(self, corpus: Corpus, answers: Answers, found: Sorted) -> None:
        self._corpus, self._answers, self._found = corpus, answers, found
        self._first_N = corpus.first_N
        self._gold_M, self._predicted_M = (_owners(s, len(corpus.text_M)) for s in (corpus.gold, answers.predicted))

    def predicted(self, i: int) -> Example:
        kind = NAMES[self._found.kind_P[i]]
        return self._example(self._answers.predicted, i, kind, self._answers.confidence_P[i])

    def gold(self, i: int) -> Example:
        return self._example(self._corpus.gold, i, NAMES[self._found.kind_G[i]], self._answers.probability_G[i])

    def _example(self, spans: Spans, i: int, kind: str, probability: float) -> Example:
        start, end = int(spans.start_E[i]), int(spans.end_E[i])
        sentence = int(self._corpus.sentence_of(spans.start_E[i]))
        first = int(self._first_N[sentence])
        behind = first + int(self._corpus.length_N[sentence])
        low, high = self._whole(max(first, start - CONTEXT), min(behind, end + CONTEXT))
        focus = {owner for owner in self._gold_M[start:end] if owner >= 0} if kind != "right" else set()
        cuts = [low]
        for token in range(low + 1, high):
            if self._owners_at(token) != self._owners_at(token - 1):
                cuts.append(token)
        segments = [self._segment(a, b, start, end, focus) for a, b in zip(cuts, [*cuts[1:], high])]
        sentence_id = int(self._corpus.sentence_id_N[sentence])
        return Example(sentence_id, kind, float(probability), low > first, segments, high < behind)

    def _whole(self, low: int, high: int) -> tuple[int, int]:
        """A stretch of tokens that cuts no entity in two, which holds this one."""
        before = None
        while before != (low, high):
            before = low, high
            for spans in (self._corpus.gold, self._answers.predicted):
                low = int(spans.start_E[(spans.start_E < low) & (spans.end_E > low)].min(initial=low))
                high = int(spans.end_E[(spans.start_E < high) & (spans.end_E > high)].max(initial=high))
        return low, high

    def _owners_at(self, token: int) -> tuple[int, int]:
        return int(self._gold_M[token]), int(self._predicted_M[token])

    def _segment(self, start: int, end: int, focus_start: int, focus_end: int, focus_gold: set[int]) -> Segment:
        gold, predicted = self._owners_at(start)
        marks = (
            self._mark(self._corpus.gold, gold, start, end),
            self._mark(self._answers.predicted, predicted, start, end),
        )
        agrees = predicted < 0 and gold < 0
        if predicted >= 0:
            agrees = bool(self._answers.right_P[predicted])
        within = focus_start <= start < focus_end or gold in focus_gold
        return Segment(self._corpus.words_of(start, end), *marks, agrees, within)

    def _mark(self, spans: Spans, i: int, start: int, end: int) -> Mark | None:
        if i < 0:
            return None
        kind = int(spans.type_E[i])
        return Mark(kind, self._corpus.entity_types[kind], start == spans.start_E[i], end == spans.end_E[i])


def _owners(spans: Spans, num_tokens: int) -> np.ndarray:
    """The entity that each token is in, -1 for none."""
    owner_M = np.full(num_tokens, -1)
    token_C, span_C = span_tokens(spans)
    owner_M[token_C] = span_C
    return owner_M
