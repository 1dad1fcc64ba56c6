"""The entity spans of a text as its source states them -> those that are right, by the policies for dirt."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from data_prep.cutting.align_spans import show_span
from data_prep.dirt.policies import FAIL, Policies, advice, types_in_order
from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.record import Record, Span
from ner_dist.contract.visible_text import trim


def shown_span(span: Any) -> str:
    """A span as it stands in the source."""
    return json.dumps(list(span), ensure_ascii=True, default=str)[:100]


def trimmed_span(text: str, span: Span) -> Span | None:
    """The span without white space at its ends; None if nothing is left."""
    if span.start >= span.end:
        return None
    part = text[span.start : span.end]
    start, end = span.start + len(part) - len(part.lstrip()), span.end - len(part) + len(part.rstrip())
    return Span(start, end, span.type) if start < end else None


# Of a larger record it is not said what it would be after a suggestion: it would be said for each of its spans.
MAX_SPANS, MAX_CHARS = 500, 50_000


class SpanCleaner:
    """Checks the spans of one record, and mends what the policies allow; `faults` are what they do not.

    with_records: say what the record would be after a suggestion.
    """

    def __init__(self, record: Record, given: Sequence[Any], policies: Policies, with_records: bool = False) -> None:
        self.text, self.tokens, self.policies = record.text or "", record.tokens, policies
        # As the source states them.
        self._stated = [list(span) for span in given]
        self._with_records = with_records and len(given) <= MAX_SPANS and len(self.text) <= MAX_CHARS
        self.faults: list[Complaint] = []
        self.warnings: list[Complaint] = []

    def clean(self) -> list[Span]:
        """The spans in order: inside of the text, trimmed, each once."""
        found: set[Span] = set()
        for place, stated in enumerate(self._stated):
            span = self._checked(place, stated)
            if span is None:
                continue
            if span not in found:
                found.add(span)
                continue
            what = f"{show_span(self.text, span)} is there more than once"
            drop = self.policies.on_duplicate_span == "drop"
            self._settle("duplicate_spans", "duplicate_spans_dropped" if drop else "", what, place, None)
        return sorted(found)

    def _checked(self, place: int, stated: list[Any]) -> Span | None:
        """The span, mended; None if it is a fault or dropped."""
        if len(stated) != 3 or [type(part) for part in stated] != [int, int, str]:
            what = f"entity {shown_span(stated)} is not [start, end, type], two integers and a string"
            self.faults.append(Complaint("malformed_span", what))
            return None
        start, end, entity_type = stated
        span = Span(start, end, trim(entity_type))
        if not span.type:
            drop = self.policies.on_broken == "repair"
            what = f"entity {shown_span(stated)} has no type"
            what += "" if drop else "; --on-broken repair leaves it out"
            self._settle("entity_without_type", "entities_without_type_dropped" if drop else "", what, place, None)
            return None
        inside = trimmed_span(self.text, span._replace(start=max(0, start), end=min(end, len(self.text))))
        if 0 <= start < end <= len(self.text) and inside is not None:
            if inside[:2] != (start, end):
                what = f"white space at the ends of {show_span(self.text, span)} was trimmed"
                self._settle("spans_trimmed", "spans_trimmed", what, place, inside)
            return inside
        return self._outside(place, span, inside)

    def _outside(self, place: int, span: Span, inside: Span | None) -> Span | None:
        policy = self.policies.on_span_outside
        if 0 <= span.start < span.end <= len(self.text):
            what = f"{show_span(self.text, span)} is only white space"
        else:
            what = f"entity {shown_span(span)} lies outside the text of {len(self.text)} characters, or is empty"
        clipped = inside if policy in (FAIL, "clip") else None
        name = "" if policy == FAIL else "spans_clipped" if clipped else "spans_outside_dropped"
        if name and clipped:
            what += f"; {show_span(self.text, clipped)} is kept of it"
        self._settle(
            "span_outside_text", name, what + (" and was dropped" if name and not clipped else ""), place, clipped
        )
        return None if policy == FAIL else clipped

    def _settle(self, kind: str, counted_as: str, what: str, place: int, by: Span | None) -> None:
        """Note what was done about a span, or that nothing was: counted_as is then "". by: what is to stand for it."""
        stated = self._stated[place]
        suggestion: dict[str, Any] = {"action": "replace" if by else "remove", "entity": stated}
        if by:
            suggestion["by"] = list(by)
        record = self._record_with(place, by)
        if counted_as:
            self.warnings.append(Complaint(counted_as, what, suggestion, record))
        else:
            what += f"; {advice(kind)}" if kind != "entity_without_type" else ""
            self.faults.append(Complaint(kind, what, suggestion, record))

    def _record_with(self, place: int, by: Span | None) -> dict[str, Any] | None:
        if not self._with_records:
            return None
        return self.record_of([*self._stated[:place], *([by] if by else []), *self._stated[place + 1 :]])

    def record_of(self, entities: Iterable[Any]) -> dict[str, Any] | None:
        """The record with other entities, in JSON values; None if it is not wanted."""
        if not self._with_records:
            return None
        tokens = {} if self.tokens is None else {"tokens": list(self.tokens)}
        return {"text": self.text, "entities": list(map(list, entities)), **tokens}


def without_overlaps(spans: Sequence[Span], policy: str = "first") -> tuple[list[Span], list[tuple[Span, Span]]]:
    """Of spans that overlap, those that --on-overlap keeps, in order; and each other one with the one that it overlaps.

    policy: longest, first, or types separated by commas; FAIL as first.
    """
    kept: list[Span] = []
    lost = []
    for span in sorted(spans, key=_order(policy)):
        # The kept ones are in order and apart, so only the neighbours can overlap it.
        place = bisect_left(kept, span)
        near = kept[max(0, place - 1) : place + 1]
        other = next((one for one in near if one.start < span.end and span.start < one.end), None)
        if other is None:
            kept.insert(place, span)
        else:
            lost.append((span, other))
    return kept, lost


def _order(policy: str) -> Callable[[Span], tuple[Any, ...]]:
    """Which of two spans wins: the one whose key is less."""
    if policy in (FAIL, "first"):
        return lambda span: (span.start, -span.end, span.type)
    ranks = {name: rank for rank, name in reversed(list(enumerate(types_in_order(policy))))}
    return lambda span: (ranks.get(span.type, len(ranks)), span.start - span.end, span.start, span.type)


def resolve_overlaps(cleaner: SpanCleaner, gold: list[Span], warnings: list[Complaint]) -> list[Span]:
    """The spans that --on-overlap keeps. Raises ComplaintError if it is to fail."""
    policy, text = cleaner.policies.on_overlap, cleaner.text
    kept, lost = without_overlaps(gold, policy)
    complaints = []
    for span, other in lost:
        what = f"{show_span(text, span)} overlaps {show_span(text, other)}"
        what += (
            f", which one tag for each token cannot say; {advice('overlapping_entities')}"
            if policy == FAIL
            else (f" and was dropped (--on-overlap {policy})")
        )
        record = cleaner.record_of(one for one in gold if one != span)
        kind = "overlapping_entities" if policy == FAIL else "overlapping_entities_dropped"
        complaints.append(Complaint(kind, what, {"action": "remove", "entity": list(span)}, record))
    if policy == FAIL and complaints:
        raise ComplaintError(*complaints)
    warnings += complaints
    return kept
