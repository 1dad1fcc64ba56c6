"""Types that are slips of the finger."""

from __future__ import annotations

import pytest

from data_prep.annotation.misspelt_types import edit_distance, renamed_types


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("tool", "TOOL"), ("PER ", "PER"), ("INGREDEINT", "INGREDIENT"), ("INGRDIENT", "INGREDIENT"), ("TOOLS", "TOOL")],
)
def test_a_rare_type_near_a_frequent_one_is_meant_to_be_it(wrong: str, right: str) -> None:
    assert renamed_types({right: 100, wrong: 2, "DATE": 50}) == {wrong: right}


@pytest.mark.parametrize("names", [("LOC", "ORG"), ("PART-1", "PART-2"), ("TIME", "DATE"), ("GPE", "GPES")])
def test_other_types_are_types_of_their_own(names: tuple[str, str]) -> None:
    assert renamed_types({names[0]: 100, names[1]: 2}) == {}


def test_a_type_that_is_used_often_is_no_misspelling() -> None:
    assert renamed_types({"TOOL": 100, "TOOLS": 30}) == {}


def test_a_type_without_entities_is_left_alone() -> None:
    assert renamed_types({"TOOL": 100, "tool": 0}) == {}


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("a", "a", 0), ("ab", "ba", 1), ("abc", "abd", 1), ("abc", "ac", 1), ("abc", "", 3), ("kitten", "sitting", 3)],
)
def test_edit_distance_counts_letters_up_to_its_limit(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance
