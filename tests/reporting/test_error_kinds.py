"""Every error has exactly one kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from judged_readings import Tagged, judged_readings, parse, two_readings

from ner_dist.reporting.error_kinds import NAMES, error_kinds, sort_errors


@pytest.mark.parametrize(
    ("gold", "predicted", "of_gold", "of_predicted"),
    [
        ("U-X", "U-X", ["right"], ["right"]),
        ("U-X", "U-Y", ["wrong type"], ["wrong type"]),
        ("O B-X L-X", "B-X I-X L-X", ["too long"], ["too long"]),
        ("B-X I-X L-X", "O U-Y O", ["too short"], ["too short"]),
        ("B-X L-X O", "O B-X L-X", ["overlapping otherwise"], ["overlapping otherwise"]),
        ("U-X O", "O U-X", ["missed"], ["spurious"]),
        # One prediction over two entities, and two within one.
        ("U-X U-Y", "B-X L-X", ["too long"] * 2, ["too long"]),
        ("B-X L-X", "U-X U-X", ["too short"], ["too short"] * 2),
        # Paired with the one that it shares most with.
        ("B-X L-X B-X I-X L-X", "O B-X I-X I-X L-X", ["overlapping otherwise", "too long"], ["too long"]),
    ],
)
def test_kinds(gold: str, predicted: str, of_gold: list[str], of_predicted: list[str]) -> None:
    found = sort_errors(*judged_readings([parse(gold)], [parse(predicted)]))
    assert [NAMES[kind] for kind in found.kind_G] == of_gold
    assert [NAMES[kind] for kind in found.kind_P] == of_predicted


@given(two_readings())
def test_every_entity_is_of_one_kind_and_fixing_all_of_them_leaves_no_error(readings: tuple[Tagged, Tagged]) -> None:
    split, judged = judged_readings(*readings)
    kinds = error_kinds(split, judged, sort_errors(split, judged))
    entity = judged.scores["entity"]
    assert sum(kind.gold for kind in kinds) == entity["gold"] - entity["right"]
    assert sum(kind.predicted for kind in kinds) == entity["predicted"] - entity["right"]
    for kind in kinds:
        assert sum(kind.per_type.values()) == (kind.predicted if kind.name == "spurious" else kind.gold)
        assert kind.same_type <= kind.gold
    if len(kinds) == 1:
        assert kinds[0].f1_if_fixed == (1 if entity["gold"] else 0)
