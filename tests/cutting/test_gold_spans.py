"""Entity spans as sources state them: what is refused, what each policy makes of it, and what is suggested."""

from __future__ import annotations

import itertools

import pytest

from data_prep.cutting.gold_spans import SpanCleaner, trimmed_span, without_overlaps
from data_prep.dirt.policies import Policies, policies_of
from data_prep.sentences.record import Record, Span

TEXT = "Ab cd,efg  h"


def cleaner(spans: list[object], text: str = "ab", **policies: str) -> SpanCleaner:
    return SpanCleaner(Record(1, text=text), spans, Policies(**policies), with_records=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("span", "kind", "told"),
    [
        ([0, 1], "malformed_span", "entity [0, 1] is not [start, end, type]"),
        ([0, 1, "X", "X"], "malformed_span", 'entity [0, 1, "X", "X"] is not [start, end, type]'),
        ([0, "1", "X"], "malformed_span", 'entity [0, "1", "X"] is not [start, end, type]'),
        ([0.0, 1.0, "X"], "malformed_span", 'entity [0.0, 1.0, "X"] is not [start, end, type]'),
        ([False, 1, "X"], "malformed_span", 'entity [false, 1, "X"] is not [start, end, type]'),
        ([0, 3, "X"], "span_outside_text", 'entity [0, 3, "X"] lies outside the text of 2 characters, or is empty'),
        ([1, 1, "X"], "span_outside_text", 'entity [1, 1, "X"] lies outside the text of 2 characters, or is empty'),
        ([2, 1, "X"], "span_outside_text", 'entity [2, 1, "X"] lies outside the text of 2 characters, or is empty'),
        ([-1, 1, "X"], "span_outside_text", 'entity [-1, 1, "X"] lies outside the text of 2 characters, or is empty'),
        ([0, 1, " "], "entity_without_type", 'entity [0, 1, ""] has no type'),
    ],
)
def test_what_is_no_span_of_the_text_is_quoted(span: list[object], kind: str, told: str) -> None:
    refused = cleaner([span])
    assert refused.clean() == []
    (fault,) = refused.faults
    assert (fault.kind, fault.what.startswith(told.replace('""', '" "'))) == (kind, True)


def test_a_span_of_the_text_stays() -> None:
    fine = cleaner([[0, 2, "X"]])
    assert (fine.clean(), fine.faults, fine.warnings) == ([Span(0, 2, "X")], [], [])


def test_white_space_at_the_ends_of_a_span_and_of_its_type_goes() -> None:
    assert trimmed_span(TEXT, Span(9, 12, "X")) == Span(11, 12, "X")
    assert trimmed_span(TEXT, Span(0, 3, "X")) == Span(0, 2, "X")
    assert trimmed_span(TEXT, Span(9, 10, "X")) is None
    trimming = cleaner([[8, 12, " X "], [0, 3, "Y"]], TEXT)
    assert trimming.clean() == [Span(0, 2, "Y"), Span(8, 12, "X")]
    (warning,) = trimming.warnings
    assert (warning.kind, warning.suggestion) == (
        "spans_trimmed",
        {"action": "replace", "entity": [0, 3, "Y"], "by": [0, 2, "Y"]},
    )


@pytest.mark.parametrize(
    ("span", "clipped"),
    [([1, 9, "X"], Span(1, 2, "X")), ([-5, 1, "X"], Span(0, 1, "X")), ([2, 9, "X"], None), ([2, 1, "X"], None)],
)
def test_spans_that_leave_the_text_are_clipped_or_dropped(span: list[object], clipped: Span | None) -> None:
    by = {"action": "replace", "entity": span, "by": list(clipped)} if clipped else {"action": "remove", "entity": span}
    failing, clip, drop = (
        cleaner([span]),
        cleaner([span], on_span_outside="clip"),
        cleaner([span], on_span_outside="drop"),
    )
    assert (failing.clean(), failing.faults[0].suggestion) == ([], by)
    assert clip.clean() == ([clipped] if clipped else [])
    assert clip.warnings[0].kind == ("spans_clipped" if clipped else "spans_outside_dropped")
    assert (drop.clean(), drop.warnings[0].kind) == ([], "spans_outside_dropped")
    assert not clip.faults + drop.faults


def test_the_record_after_a_suggestion_is_given_with_it() -> None:
    twice = cleaner([[0, 1, "X"], [0, 1, "X"], [1, 2, "Y"]])
    twice.clean()
    (fault,) = twice.faults
    assert fault.record == {"text": "ab", "entities": [[0, 1, "X"], [1, 2, "Y"]]}
    assert fault.suggestion == {"action": "remove", "entity": [0, 1, "X"]}


def test_of_overlapping_spans_the_first_or_longer_stays_and_neighbours_both_do() -> None:
    inner, outer, neighbour, late = Span(2, 4, "A"), Span(2, 6, "B"), Span(6, 7, "A"), Span(5, 9, "A")
    assert without_overlaps([late, neighbour, inner, outer]) == ([outer, neighbour], [(inner, outer), (late, outer)])
    # Of equal ones the type decides.
    assert without_overlaps([Span(0, 1, "B"), Span(0, 1, "A")])[0] == [Span(0, 1, "A")]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("first", [Span(0, 4, "A"), Span(7, 8, "C")]),
        ("longest", [Span(3, 8, "B")]),
        ("C,A", [Span(0, 4, "A"), Span(7, 8, "C")]),
        ("B", [Span(3, 8, "B")]),
        ("D,C,B", [Span(0, 4, "A"), Span(7, 8, "C")]),
    ],
)
def test_each_policy_for_overlaps_keeps_what_it_says(policy: str, kept: list[Span]) -> None:
    spans = [Span(0, 4, "A"), Span(3, 8, "B"), Span(7, 8, "C")]
    for some in itertools.permutations(spans):
        found, lost = without_overlaps(some, policy)
        assert found == kept
        assert {span for span, _ in lost} == set(spans) - set(kept)
        assert all(other in kept and other.start < span.end and span.start < other.end for span, other in lost)


def test_repair_is_gentle_where_nothing_else_is_said() -> None:
    chosen = policies_of({"on_overlap": "longest", "on_blank_token": None, "on_empty_record": "fail"}, "repair")
    assert (chosen.on_overlap, chosen.on_blank_token, chosen.on_empty_record) == ("longest", "drop", "fail")
    assert (chosen.on_span_outside, chosen.on_malformed_tag, chosen.on_undecodable) == ("clip", "repair", "replace")
    assert policies_of({}, "fail") == Policies()
