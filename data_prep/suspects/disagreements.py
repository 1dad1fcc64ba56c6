"""What taggers say of sentences that they have not seen, against the gold: where they are surest that it is wrong."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.writers.whole_records import TokenSpan

# Below this, a suspect is more likely the taggers' mistake than the corpus's.
LEAST_CONFIDENCE = 0.5
KINDS = frozenset(f"suspect_{name}" for name in ("missed", "type", "border", "spurious"))


class Disagreement(NamedTuple):
    """Gold entities of a sentence and the predicted ones that overlap them, none of which is right."""

    # Number of the sentence in the pool.
    sentence: int
    gold: tuple[TokenSpan, ...]
    predicted: tuple[TokenSpan, ...]

    @property
    def kind(self) -> str:
        if not self.gold:
            return "suspect_missed"
        if not self.predicted:
            return "suspect_spurious"
        pairs = {(span.first, span.end) for span in (*self.gold, *self.predicted)}
        return "suspect_type" if len(pairs) == 1 else "suspect_border"

    @property
    def first(self) -> int:
        return min(span.first for span in (*self.gold, *self.predicted))

    @property
    def end(self) -> int:
        return max(span.end for span in (*self.gold, *self.predicted))


class Suspect(NamedTuple):
    found: Disagreement
    # By how much what the taggers say is likelier to them than the gold, from 0 to 1: the mean over all of them that
    # have not seen the sentence.
    confidence: float


class Suspects:
    """Collects the disagreements of several taggers, each of which has said something about each sentence or not."""

    def __init__(self, num_opinions: int, type_of: Callable[[str], str]) -> None:
        """num_opinions: taggers for each sentence. type_of: the entity type of a name in the predictions."""
        self._num_opinions, self._type_of = num_opinions, type_of
        self._sums: dict[Disagreement, float] = defaultdict(float)

    def add(self, predictions: Path) -> None:
        """A file of `evaluate --sentences`, in which the record of a sentence is its number."""
        with predictions.open(encoding="utf-8") as lines:
            for line in lines:
                for found, confidence in disagreements(json.loads(line), self._type_of):
                    self._sums[found] += confidence

    def ranked(self, most: int, least_confidence: float = LEAST_CONFIDENCE) -> list[Suspect]:
        """Those with enough confidence, the surest first, at most so many."""
        suspects = [Suspect(found, total / self._num_opinions) for found, total in self._sums.items()]
        sure = [suspect for suspect in suspects if suspect.confidence >= least_confidence]
        return sorted(sure, key=lambda suspect: (-suspect.confidence, suspect.found))[:most]


def disagreements(row: Mapping[str, Any], type_of: Callable[[str], str]) -> Iterator[tuple[Disagreement, float]]:
    """The disagreements in a sentence, as `evaluate --sentences` describes it, with their confidence."""
    gold, predicted = ({_span(entity, type_of): entity for entity in row[name]} for name in ("gold", "entities"))
    wrong = [(span, True) for span in gold.keys() - predicted.keys()]
    wrong += [(span, False) for span in predicted.keys() - gold.keys()]
    for cluster in _overlapping(sorted(wrong)):
        found = Disagreement(
            int(row["record"]),
            tuple(span for span, is_gold in cluster if is_gold),
            tuple(span for span, is_gold in cluster if not is_gold),
        )
        # Of several entities together at most as probable as the least probable of them.
        of_gold = min([gold[span]["confidence"] for span in found.gold] or _blanks(predicted, found.predicted))
        of_others = min([predicted[span]["confidence"] for span in found.predicted] or _blanks(gold, found.gold))
        yield found, of_others - of_gold


def _span(entity: Mapping[str, Any], type_of: Callable[[str], str]) -> TokenSpan:
    return TokenSpan(entity["start"], entity["end"], type_of(entity["type"]))


def _blanks(entities: Mapping[TokenSpan, Mapping[str, Any]], spans: tuple[TokenSpan, ...]) -> list[float]:
    return [entities[span]["blank"] for span in spans]


def _overlapping(spans: list[tuple[TokenSpan, bool]]) -> Iterator[list[tuple[TokenSpan, bool]]]:
    """Groups of spans, sorted, that overlap or are joined by others that do."""
    group: list[tuple[TokenSpan, bool]] = []
    end = 0
    for span, is_gold in spans:
        if group and span.first >= end:
            yield group
            group = []
        group.append((span, is_gold))
        end = max(end, span.end)
    if group:
        yield group
