"""Problems that tasks keep and tell later are those that would have been found one after another."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_prep.passes.recorded_problems import RecordedProblems, listener
from data_prep.problems import Finding, Problems

Event = Callable[[Problems], object]
kinds = st.sampled_from(["blank_token", "long_word", "odd", "shown"])
suggestions = st.sampled_from([None, {"tag": "O"}])


def error(kind: str, place: int, suggestion: Any) -> Event:
    return lambda problems: problems.error(f"c:{place}", f"{kind}!", kind, "d", suggestion, {"text": "t"})


def warning(kind: str, place: int, suggestion: Any) -> Event:
    return lambda problems: problems.warn(kind, f"c:{place}", f"{kind}?", place, "d", suggestion)


def many(kind: str, count: int) -> Event:
    return lambda problems: problems.more_errors(kind, count)


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(error, kinds, st.integers(1, 9), suggestions),
    st.builds(warning, kinds, st.integers(1, 9), suggestions),
    st.builds(many, kinds, st.integers(1, 9)),
)


def heard(listed: bool) -> tuple[Problems, list[Finding]]:
    findings: list[Finding] = []
    problems = Problems(findings.append if listed else None)
    problems.ignored, problems.all_shown = frozenset({"odd"}), frozenset({"shown"})
    return problems, findings


def all_of(problems: Problems) -> list[object]:
    return [problems.errors, problems.error_kinds, problems.warnings, problems.warning_lines, problems.summary()]


def test_what_tasks_tell_in_turn_is_what_is_found_one_after_another(tmp_path: Path) -> None:
    @hypothesis_settings(max_examples=20, deadline=None)
    @given(tasks=st.lists(st.lists(events, max_size=30), max_size=3), listed=st.booleans())
    def same(tasks: list[list[Event]], listed: bool) -> None:
        expected, all_findings = heard(listed)
        told, told_findings = heard(listed)
        heard_by = listener(told)
        kept = []
        for number, task in enumerate(tasks):
            recorded = RecordedProblems(heard_by, tmp_path / str(number))
            for event in task:
                event(expected)
                event(recorded)
            kept.append(pickle.loads(pickle.dumps(recorded.told())))
        for one in kept:
            one.tell(told)
        assert all_of(told) == all_of(expected)
        assert told_findings == all_findings

    same()


def test_only_what_somebody_will_see_is_kept(tmp_path: Path) -> None:
    recorded = RecordedProblems(listener(Problems()), tmp_path / "all")
    for line in range(100):
        recorded.error(f"c:{line}", "bad", "bad")
        recorded.warn("odd", f"c:{line}", "odd")
    told = recorded.told()
    assert len(told.findings) == 20 + 3
    assert (told.more_errors, told.more_warnings) == ({"bad": 80}, {"odd": 97})
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    ("places", "kinds"),
    [
        (["c:1", "c:2"], {"bad"}),
        (["c", "c:2"], {"bad"}),
        # What is said of the whole file after a line must keep its place.
        (["c:1", "c"], {"bad", ""}),
    ],
)
def test_it_is_noted_whether_something_is_said_of_the_file_after_its_lines(
    places: list[str], kinds: set[str], tmp_path: Path
) -> None:
    recorded = RecordedProblems(listener(Problems()), tmp_path / "all", whole="c")
    for place in places:
        recorded.error(place, "bad", "bad")
    assert recorded.kinds == kinds
