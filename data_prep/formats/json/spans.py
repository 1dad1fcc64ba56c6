"""Entity spans as JSON has them: [start, end, type], or objects with these under the names that tools give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.record import Span
from ner_dist.contract.visible_text import shown

STARTS, ENDS = ("start", "start_offset", "begin", "startOffset"), ("end", "end_offset", "endOffset")
TYPES = ("label", "type", "entity_type", "labels", "tag", "class", "entity_group")


class SpanKeys(NamedTuple):
    """The fields of a span that is an object."""

    start: str
    end: str
    type: str

    def __str__(self) -> str:
        return f"objects with {self.start!r}, {self.end!r} and {self.type!r}"


def keys_of(span: dict[str, Any]) -> SpanKeys | None:
    """None if it is not a span."""
    found = [next((key for key in keys if key in span), None) for keys in (STARTS, ENDS, TYPES)]
    start, end, entity_type = found
    return None if start is None or end is None or entity_type is None else SpanKeys(start, end, entity_type)


def looks_like_span(value: Any) -> bool:
    """Whether it has places and a type, right or wrong ones."""
    if isinstance(value, list):
        return len(value) == 3 and all(isinstance(part, kind) for part, kind in zip(value, (int, int, str)))
    return isinstance(value, dict) and keys_of(value) is not None


def spans_of(values: Any, field: str, text: str) -> list[Span]:
    """Raises ValueError for what is not a list of spans, and for one whose own text is another one."""
    if not isinstance(values, list):
        raise _malformed(f'"{field}" is not a list of entities')
    found: list[Span] = []
    complaints: list[Complaint] = []
    for value in values:
        try:
            found.append(_of_list(value) if type(value) is list else _of_object(value, field, text))
        except ComplaintError as error:
            complaints += error.complaints
    if complaints:
        raise ComplaintError(*complaints)
    return found


def _of_list(value: list[Any]) -> Span:
    if len(value) != 3:
        raise _malformed(f"entity {json.dumps(value)[:100]} is not [start, end, type]")
    return Span(*value)


def _of_object(value: Any, field: str, text: str) -> Span:
    keys = keys_of(value) if isinstance(value, dict) else None
    if keys is None:
        raise _malformed(f'"{field}" is not a list of [start, end, type], or of objects with start, end and label')
    entity_type = value[keys.type]
    if isinstance(entity_type, list):
        if len(entity_type) != 1:
            raise _malformed(f"entity {json.dumps(value)[:100]} has {len(entity_type)} types, expected one")
        entity_type = entity_type[0]
    span = Span(value[keys.start], value[keys.end], entity_type)
    if type(entity_type) is int:
        raise _malformed(f"entity {json.dumps(value)[:100]} has a number for its type; export the names of the types")
    quoted = value.get("text")
    return quoted_span(span, quoted, text) if isinstance(quoted, str) else span


def quoted_span(span: Span, quoted: str, text: str) -> Span:
    """The span of a source that says also what its characters are.

    Tools in JavaScript and Java count UTF-16 units; where only these fit, they become characters. Raises ValueError
    where nothing fits.
    """
    start, end, entity_type = span
    if type(start) is not int or type(end) is not int or _is_quoted(text[max(0, start) : end], quoted):
        # Places that are not numbers are reported with those of all formats.
        return span
    to_chars = utf16_places(text)
    found = Span(to_chars(start), to_chars(end), entity_type)
    if _is_quoted(text[found.start : found.end], quoted):
        return found
    what = (
        f"entity {json.dumps(list(span))} is {shown(text[max(0, start) : end][:40])} in the text, but "
        f"{shown(quoted[:40])} in its own field; places count characters from 0, and the end is the one after the last"
    )
    suggestion = None
    if quoted and text.count(quoted) == 1:
        place = text.index(quoted)
        suggestion = {"action": "replace", "entity": list(span), "by": [place, place + len(quoted), entity_type]}
    raise ComplaintError(Complaint("quote_differs", what, suggestion))


def _malformed(what: str) -> ComplaintError:
    return ComplaintError(Complaint("malformed_span", what))


def _is_quoted(found: str, quoted: str) -> bool:
    # Tools write line ends in other ways, or trim what they quote.
    return found == quoted or found.split() == quoted.replace("\\n", "\n").split()


def utf16_places(text: str) -> Callable[[int], int]:
    """Places in UTF-16 units -> in characters; those after the end stay after it."""
    if text.isascii() or max(text) <= "\uffff":
        return lambda place: place
    chars: list[int] = []
    for number, char in enumerate(text):
        chars += [number] * (2 if char > "\uffff" else 1)
    chars.append(len(text))
    return lambda place: chars[place] if 0 <= place < len(chars) else place
