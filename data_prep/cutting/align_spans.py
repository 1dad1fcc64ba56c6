"""Entity spans by characters: checked, trimmed, freed of overlaps, and fitted to the borders of tokens."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from data_prep.sentences.record import Span
from data_prep.tags import tag_characters

# Characters that are shown on either side of a span.
CONTEXT_CHARS = 20


class TokenPlaces(NamedTuple):
    """The tokens of a text: their first characters and the ones after their last, both ascending."""

    starts: list[int]
    ends: list[int]


class Alignment(NamedTuple):
    """Spans as tokens."""

    # Where tokens must be cut so that all spans fit, ascending.
    cuts: list[int]
    # First token and the one after the last of each span, before any cut; None if it does not fit.
    spans: list[tuple[int, int, str] | None]


class SpanError(ValueError):
    """What is wrong with the spans of a record: one sentence each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def show_span(text: str, span: Span) -> str:
    """The span with the text around it, on one line."""
    before, inside, after = (
        text[max(0, span.start - CONTEXT_CHARS) : span.start],
        text[span.start : span.end],
        text[span.end : span.end + CONTEXT_CHARS],
    )
    around = json.dumps(f"{before}[{inside}]{after}", ensure_ascii=False)
    return f"entity {inside[:40]!r} [{span.start}, {span.end}, {span.type}] in {around}"


def check_span(span: Any, text: str) -> Span:
    """Raises ValueError unless it is a span of the text, with a type."""
    if len(span) != 3 or [type(part) for part in span] != [int, int, str]:
        raise ValueError(f"entity {json.dumps(span)} is not [start, end, type]")
    start, end, entity_type = span
    if not 0 <= start < end <= len(text):
        raise ValueError(f"entity {json.dumps(span)} lies outside the text of {len(text)} characters, or is empty")
    if not tag_characters.trim(entity_type):
        raise ValueError(f"entity {json.dumps(span)} has no type")
    return Span(start, end, entity_type)


def trim(text: str, span: Span) -> Span:
    """The span without white space at its ends. Raises ValueError if nothing is left."""
    inside = text[span.start : span.end]
    start, end = span.start + len(inside) - len(inside.lstrip()), span.end - len(inside) + len(inside.rstrip())
    if start >= end:
        raise ValueError(f"{show_span(text, span)} is only white space")
    return Span(start, end, tag_characters.trim(span.type))


def without_overlaps(spans: Sequence[Span]) -> tuple[list[Span], list[tuple[Span, Span]]]:
    """The spans in order, of two that overlap only the one that begins first or is longer; and each other one, with the
    span that it overlaps."""
    kept: list[Span] = []
    overlapping = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.type)):
        if kept and span.start < kept[-1].end:
            overlapping.append((span, kept[-1]))
        else:
            kept.append(span)
    return kept, overlapping


def align(spans: Sequence[Span], places: TokenPlaces) -> Alignment:
    """Fit spans, in order and without overlap, to tokens."""
    cuts, found = [], []
    for start, end, entity_type in spans:
        first, last = bisect_right(places.starts, start) - 1, bisect_left(places.ends, end)
        begins = first >= 0 and places.starts[first] == start
        finishes = last < len(places.ends) and places.ends[last] == end
        found.append((first, last + 1, entity_type) if begins and finishes and first <= last else None)
        if first >= 0 and places.starts[first] < start < places.ends[first]:
            cuts.append(start)
        if last < len(places.ends) and places.starts[last] < end < places.ends[last]:
            cuts.append(end)
    return Alignment(sorted(set(cuts)), found)


def cut_tokens(places: TokenPlaces, cuts: Sequence[int]) -> TokenPlaces:
    """The tokens after cuts inside of them."""
    return TokenPlaces(sorted([*places.starts, *cuts]), sorted([*places.ends, *cuts]))


def widen(span: Span, places: TokenPlaces) -> Span | None:
    """The span of all tokens that it touches; None if there are none."""
    first, end = bisect_right(places.ends, span.start), bisect_left(places.starts, span.end)
    return Span(places.starts[first], places.ends[end - 1], span.type) if first < end else None


def touched_tokens(text: str, span: Span, places: TokenPlaces) -> str:
    """The tokens that a span touches, for messages."""
    first, end = bisect_right(places.ends, span.start), bisect_left(places.starts, span.end)
    tokens = [text[places.starts[i] : places.ends[i]] for i in range(first, end)]
    return " ".join(map(repr, tokens[:3])) + (" ..." if len(tokens) > 3 else "") if tokens else "no token"
