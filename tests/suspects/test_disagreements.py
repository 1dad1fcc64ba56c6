"""Gold against predictions: kinds, confidence and order, from JSON as `evaluate --sentences` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.suspects.disagreements import Suspects, disagreements

GOLD, FOUND = "gold", "entities"


def entity(start: int, end: int, kind: str = "PER", confidence: float = 0.9, blank: float = 0.05) -> dict[str, Any]:
    return {"start": start, "end": end, "type": kind, "confidence": confidence, "blank": blank}


def row(gold: list[dict[str, Any]], found: list[dict[str, Any]], number: int = 0) -> dict[str, Any]:
    return {"record": str(number), GOLD: gold, FOUND: found}


def same(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("gold", "found", "kind", "confidence"),
    [
        ([], [entity(1, 2, confidence=0.9, blank=0.1)], "suspect_missed", 0.8),
        ([entity(1, 2, "LOC", 0.1)], [entity(1, 2, "PER", 0.8)], "suspect_type", 0.7),
        ([entity(1, 3, confidence=0.2)], [entity(2, 3, confidence=0.7)], "suspect_border", 0.5),
        ([entity(1, 3, confidence=0.1, blank=0.8)], [], "suspect_spurious", 0.7),
        # Two that together are one, and the other way round: as sure as the less sure of them.
        ([entity(0, 2, confidence=0.1), entity(2, 4, confidence=0.3)], [entity(0, 4)], "suspect_border", 0.8),
        ([entity(0, 4, confidence=0.1)], [entity(0, 2, confidence=0.8), entity(3, 4)], "suspect_border", 0.7),
    ],
)
def test_kind_and_confidence(
    gold: list[dict[str, Any]], found: list[dict[str, Any]], kind: str, confidence: float
) -> None:
    ((disagreement, sure),) = disagreements(row(gold, found), same)
    assert disagreement.kind == kind
    assert sure == pytest.approx(confidence)
    assert (len(disagreement.gold), len(disagreement.predicted)) == (len(gold), len(found))


def test_entities_that_agree_say_nothing_and_others_are_apart() -> None:
    gold = [entity(0, 1), entity(2, 4, "LOC"), entity(5, 6)]
    found = [entity(0, 1), entity(3, 4, "LOC"), entity(7, 8)]
    kinds = [disagreement.kind for disagreement, _ in disagreements(row(gold, found), same)]
    assert kinds == ["suspect_border", "suspect_spurious", "suspect_missed"]


def test_the_surest_come_first_and_opinions_are_averaged(tmp_path: Path) -> None:
    sure, unsure, torn = entity(0, 1, confidence=1, blank=0), entity(0, 1, confidence=0.8, blank=0.1), entity(0, 1)
    opinions = [
        [row([], [unsure], 1), row([], [sure], 2), row([], [torn], 3)],
        [row([], [unsure], 1), row([], [sure], 2), row([], [], 3)],
    ]
    suspects = Suspects(2, same)
    for number, rows in enumerate(opinions):
        path = tmp_path / str(number)
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        suspects.add(path)
    # One of two taggers is not enough.
    assert [(one.found.sentence, round(one.confidence, 6)) for one in suspects.ranked(10)] == [(2, 1), (1, 0.7)]
    assert [one.found.sentence for one in suspects.ranked(1)] == [2]
    assert [one.found.sentence for one in suspects.ranked(10, least_confidence=0)] == [2, 1, 3]


def test_types_have_the_names_that_they_stand_for() -> None:
    ((found, _),) = disagreements(row([], [entity(0, 1, "t0")]), {"t0": "Work of Art"}.__getitem__)
    assert found.predicted[0].type == "Work of Art"
