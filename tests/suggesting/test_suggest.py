"""Suggestions are ranked, say why, and are unlike each other."""

from __future__ import annotations

import pytest
from tagged_texts import tagged

from ner_dist.suggesting.suggest import FIELD, Wanted, reason, suggest

POOL = [
    tagged("Bo Day left Oslo", 0.2, 0.1, entity=0.4),
    tagged("Bo Day left Oslo .", 0.2, 0.1, entity=0.4),
    tagged("nothing at all here", 0.3, 0.2),
    tagged("surely not this one", 0.99, 0.98),
]


def test_the_most_uncertain_come_first_and_copies_but_for_a_mark_later() -> None:
    found = suggest(POOL, Wanted(2, diversity=1), [])
    assert [document.text for document in found.documents] == ["Bo Day left Oslo", "nothing at all here"]
    first, second = (document.others[FIELD] for document in found.documents)
    assert (first["rank"], second["rank"], first["confidence"], first["margin"]) == (1, 2, 0.2, 0.1)  # type: ignore[index]
    assert first["score"] > second["score"] > 0  # type: ignore[index]
    assert found.mean_uncertainty > found.pool.mean_uncertainty
    assert found.expected_entities == pytest.approx(0.4)


def test_what_is_like_the_labelled_comes_later() -> None:
    found = suggest(POOL, Wanted(1, diversity=2), [["Bo", "Day", "left", "Oslo", "!"]])
    assert found.documents[0].text == "nothing at all here"


def test_all_are_suggested_if_more_are_wanted() -> None:
    assert len(suggest(POOL, Wanted(100), []).documents) == 4
    assert suggest([], Wanted(3), []).documents == []


@pytest.mark.parametrize(
    ("confidence", "entity", "expected"),
    [
        (0.3, None, "no entity found, and that with 30%; unlike what is labelled or comes before (0.10)"),
        (0.3, 0.4, "'Bo' is PER with 40%; unlike"),
        (0.3, 0.9, "entities may be missing: all of it is right with 30%; unlike"),
    ],
)
def test_the_reason_is_what_the_model_is_least_sure_of(confidence: float, entity: float | None, expected: str) -> None:
    assert reason(tagged("Bo Day", confidence, entity=entity), 0.1).startswith(expected)
