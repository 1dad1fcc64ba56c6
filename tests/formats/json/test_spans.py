"""Spans as JSON has them: lists, objects under many names, and the characters that they quote."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats.json.spans import looks_like_span, spans_of, utf16_places
from data_prep.sentences.record import Span


@pytest.mark.parametrize(
    "span",
    [
        [3, 7, "LOC"],
        {"start": 3, "end": 7, "label": "LOC"},
        {"start": 3, "end": 7, "type": "LOC", "confidence": 0.5, "text": "Oslo"},
        {"id": 9, "start_offset": 3, "end_offset": 7, "label": "LOC"},
        {"start": 3, "end": 7, "text": "Oslo", "labels": ["LOC"]},
        {"start": 3, "end": 7, "word": "Oslo", "entity_group": "LOC", "score": 0.9},
    ],
)
def test_every_way_to_write_a_span_is_read(span: Any) -> None:
    assert spans_of([span], "entities", "in Oslo") == [Span(3, 7, "LOC")]
    assert looks_like_span(span)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ({"start": 3}, '"entities" is not a list'),
        ([[3, 7]], "is not [start, end, type]"),
        (["LOC"], "is not a list of [start, end, type], or of objects"),
        ([{"start": 3, "end": 7}], "is not a list of"),
        ([{"start": 3, "end": 7, "labels": ["A", "B"]}], "has 2 types"),
        ([{"start_offset": 3, "end_offset": 7, "label": 2}], "a number for its type; export the names"),
        (
            [{"start": 2, "end": 6, "label": "LOC", "text": "Oslo"}],
            "is ' Osl' in the text, but 'Oslo' in its own field",
        ),
    ],
)
def test_what_is_not_a_span_is_an_error(spans: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        spans_of(spans, "entities", "in Oslo")


@pytest.mark.parametrize("value", ["a", 3, [1, 2], ["a", 2, "X"], [1, 2, 3], {"text": "a", "start": 0, "end": 1}, None])
def test_other_values_do_not_look_like_spans(value: Any) -> None:
    assert not looks_like_span(value)


def test_places_in_utf16_units_become_characters_where_the_quoted_text_says_so() -> None:
    text = "\U0001f600\U0001f600 in Oslo"
    span = {"start": 8, "end": 12, "label": "LOC", "text": "Oslo"}
    assert spans_of([span], "spans", text) == [Span(6, 10, "LOC")]
    # Nothing says so here.
    del span["text"]
    assert spans_of([span], "spans", text) == [Span(8, 12, "LOC")]


def test_a_quotation_may_be_trimmed_and_have_other_line_ends() -> None:
    span = {"start": 0, "end": 9, "label": "LOC", "text": "Los\\nAngeles"}
    assert spans_of([{**span, "end": 12}], "spans", "Los\nAngeles !") == [Span(0, 12, "LOC")]


@given(st.text(st.sampled_from("aé\u4e2d\U0001f600\U0001d11e"), max_size=12))
def test_utf16_places_are_those_of_the_encoded_text(text: str) -> None:
    to_chars = utf16_places(text)
    for char in range(len(text) + 1):
        assert to_chars(len(text[:char].encode("utf-16-le")) // 2) == char
    assert to_chars(1000) == 1000
