"""What is found is reported with the strongest first, and memory holds only places."""

from __future__ import annotations

import io

import pytest

from data_prep.annotation import found
from data_prep.annotation.found import Found, StrongestFirst
from data_prep.problems import Problems


def test_the_strongest_of_each_kind_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_LISTED", 3)
    held = StrongestFirst(io.BytesIO())
    for place, surprise in enumerate((1.0, 5.0, 2.0, 5.0, 0.5)):
        held.add("odd", surprise, lambda place=place: Found(f"c:{place}", "what"))  # type: ignore[misc]
    listed: list[tuple[str, int]] = []
    problems = Problems(lambda finding: listed.append((finding.place, finding.number)))
    held.report(problems)
    assert listed == [("c:1", 1), ("c:3", 1), ("c:2", 1), ("corpus", 2)]
    assert problems.warnings == held.counts == {"odd": 5}
