"""Spans by characters against tokens, in all places that they can have to each other."""

from __future__ import annotations

import itertools

import pytest

from data_prep.cutting.align_spans import (
    TokenPlaces,
    align,
    cut_tokens,
    moved,
    show_span,
    touched_tokens,
    widen,
)
from data_prep.sentences.record import Span

TEXT = "Ab cd,efg  h"
# Ab, cd, the comma, efg and h.
PLACES = TokenPlaces([0, 3, 5, 6, 11], [2, 5, 6, 9, 12])
SPANS = [Span(start, end, "X") for start, end in itertools.combinations(range(len(TEXT) + 1), 2)]


@pytest.mark.parametrize("places", [PLACES, TokenPlaces([], [])])
def test_a_span_fits_if_tokens_begin_and_end_where_it_does(places: TokenPlaces) -> None:
    for span in SPANS:
        # Tokens that begin and end inside; and borders of the span inside of a token.
        (found,), cuts = align([span], places).spans, align([span], places).cuts
        inside = [i for i in range(len(places.starts)) if span.start <= places.starts[i] and places.ends[i] <= span.end]
        if span.start in places.starts and span.end in places.ends:
            assert found == (inside[0], inside[-1] + 1, "X")
        else:
            assert found is None
        tokens = list(zip(*places))
        assert cuts == [at for at in (span.start, span.end) if any(start < at < end for start, end in tokens)]


def test_after_the_cuts_every_span_fits_that_has_a_token_at_its_ends() -> None:
    for span in SPANS:
        after = cut_tokens(PLACES, align([span], PLACES).cuts)
        assert align([span], after).cuts == []
        if not (TEXT[span.start].isspace() or TEXT[span.end - 1].isspace()):
            assert align([span], after).spans[0] is not None


def test_several_spans_are_aligned_in_order_and_their_cuts_are_distinct() -> None:
    found = align([Span(0, 1, "A"), Span(1, 2, "B"), Span(3, 9, "C")], PLACES)
    assert (found.cuts, found.spans) == ([1], [None, None, (1, 4, "C")])


@pytest.mark.parametrize("places", [PLACES, TokenPlaces([], [])])
def test_the_widened_span_is_that_of_all_tokens_it_touches(places: TokenPlaces) -> None:
    for span in SPANS:
        touched = [(start, end) for start, end in zip(*places) if start < span.end and span.start < end]
        expected = Span(touched[0][0], touched[-1][1], "X") if touched else None
        assert widen(span, places) == expected


def test_at_most_three_of_the_touched_tokens_are_shown() -> None:
    assert touched_tokens(TEXT, Span(2, 3, "X"), PLACES) == "no token"
    assert touched_tokens(TEXT, Span(1, 4, "X"), PLACES) == "'Ab' 'cd'"
    assert touched_tokens(TEXT, Span(4, 7, "X"), PLACES) == "'cd' ',' 'efg'"
    assert touched_tokens(TEXT, Span(0, 7, "X"), PLACES) == "'Ab' 'cd' ',' ..."


def test_a_span_is_shown_with_some_text_around_it() -> None:
    text = "x" * 30 + "Zürich" + "y" * 30
    shown = show_span(text, Span(30, 36, "LOC"))
    assert shown == f"entity 'Zürich' [30, 36, LOC] in \"{'x' * 20}[Zürich]{'y' * 20}\""
    assert show_span("z" * 60, Span(0, 50, "A")).startswith(f"entity {'z' * 40!r} [0, 50, A]")


def test_a_span_is_moved_by_one_character_if_both_ends_fit_only_then() -> None:
    assert moved(Span(1, 3, "X"), PLACES) == Span(0, 2, "X")
    assert moved(Span(4, 7, "X"), PLACES) == Span(3, 6, "X")
    assert moved(Span(1, 10, "X"), TokenPlaces([0, 6], [5, 9])) == Span(0, 9, "X")
    assert moved(Span(2, 8, "X"), TokenPlaces([0, 3], [2, 9])) == Span(3, 9, "X")
    # One end fits as it is.
    assert moved(Span(0, 8, "X"), TokenPlaces([0, 3], [2, 9])) is None


def test_what_cannot_be_seen_of_a_span_is_shown() -> None:
    assert show_span("a\u200bb", Span(0, 2, "X\u00a0")) == "entity 'a\\u200b' [0, 2, X\\u00a0] in \"[a\\u200b]b\""
