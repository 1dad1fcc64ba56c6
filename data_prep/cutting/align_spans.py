"""Entity spans by characters, fitted to the borders of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.sentences.record import Span
from ner_dist.contract.visible_text import escaped, shown

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


def show_span(text: str, span: Span) -> str:
    """The span with the text around it, on one line."""
    before, inside, after = (
        text[max(0, span.start - CONTEXT_CHARS) : span.start],
        text[span.start : span.end],
        text[span.end : span.end + CONTEXT_CHARS],
    )
    around = shown(f"{before}[{inside}]{after}", '"')
    return f"entity {shown(inside[:40])} [{span.start}, {span.end}, {escaped(span.type)}] in {around}"


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


def with_space_of_tokens(text: str, span: Span, places: TokenPlaces) -> Span:
    """The span with the white space that a token at its ends begins or ends with, which was trimmed from the span."""
    wider = widen(span, places)
    is_same = wider is not None and text[wider.start : wider.end].strip() == text[span.start : span.end]
    return wider if wider is not None and is_same else span


def moved(span: Span, places: TokenPlaces) -> Span | None:
    """The span moved by one character, if then both of its ends, and before neither, are borders of tokens."""
    starts, ends = set(places.starts), set(places.ends)
    if span.start in starts or span.end in ends:
        return None
    shifts = (span._replace(start=span.start + by, end=span.end + by) for by in (-1, 1))
    return next((one for one in shifts if one.start in starts and one.end in ends), None)


def touched_tokens(text: str, span: Span, places: TokenPlaces) -> str:
    """The tokens that a span touches, for messages."""
    first, end = bisect_right(places.ends, span.start), bisect_left(places.starts, span.end)
    tokens = [text[places.starts[i] : places.ends[i]] for i in range(first, end)]
    return " ".join(map(shown, tokens[:3])) + (" ..." if len(tokens) > 3 else "") if tokens else "no token"
