"""What stands in columns that white space separates: no white space, and a name of its own for each type."""

from __future__ import annotations

import pytest

from ner_dist.contract.column_text import distinct_types, without_space

SPACES = " \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2003\u2007\u200a\u2028\u2029\u202f\u205f\u3000"


@pytest.mark.parametrize("space", SPACES)
def test_any_white_space_becomes_an_underscore(space: str) -> None:
    assert without_space(f"New{space}York") == "New_York"
    assert without_space(space) == "_"


@pytest.mark.parametrize(
    ("types", "written"),
    [
        (["PER", "Work of Art"], ["PER", "Work_of_Art"]),
        (["A B", "A_B"], ["A_B_2", "A_B"]),
        (["A_B", "A B", "A\u00a0B", "A_B_2"], ["A_B", "A_B_3", "A_B_4", "A_B_2"]),
        ([" ", "_"], ["__2", "_"]),
        ([], []),
    ],
)
def test_no_two_types_are_written_alike(types: list[str], written: list[str]) -> None:
    assert list(distinct_types(types).items()) == list(zip(types, written))
