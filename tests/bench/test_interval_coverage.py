"""Which interval holds the truth, and where."""

from __future__ import annotations

import pytest

from bench.interval_coverage import coverage


def test_the_wider_interval_holds_where_one_of_the_two_does_not() -> None:
    few_errors, together = coverage(20, 0.99, 0.0, 100), coverage(76, 0.5, 1.0, 100)
    assert few_errors["bootstrap"] < 0.5 < 0.9 < few_errors["the wider"]
    assert together["Wilson"] < 0.9 <= together["the wider"]


@pytest.mark.parametrize("number", [20, 76])
def test_no_interval_misses_what_never_fails(number: int) -> None:
    assert set(coverage(number, 1.0, 0.0, 10).values()) == {1.0}
