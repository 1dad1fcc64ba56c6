"""What a record says: whether it can be right, and its entities by characters, each once and without overlaps."""

from __future__ import annotations

from typing import NamedTuple

from data_prep.cutting.align_spans import SpanError, TokenPlaces, check_span, show_span, trim, without_overlaps
from data_prep.cutting.tag_spans import spans_of_tags
from data_prep.sentences.record import Record, Span

ADVICE = "--on-broken repair keeps the one that begins first, and of two that begin together the longer one"


class Text(NamedTuple):
    """A text with its gold."""

    record: Record
    text: str
    # All entities that the source states, and those that do not overlap; both in order.
    gold: list[Span]
    kept: list[Span]


def check_record(record: Record) -> None:
    """Raises ValueError for a record whose parts do not fit together, or that is not text."""
    tokens, tags = record.tokens, record.tags
    if tokens is None and record.text is None:
        raise ValueError("expected tokens and tags, or a text and its entities")
    if tokens is None and tags is not None:
        raise ValueError("tags without tokens")
    if tags is None and record.spans is None:
        raise ValueError("neither tags nor entities")
    if tokens is not None:
        if tags is not None and len(tags) != len(tokens):
            raise ValueError(f'{len(tokens)} tokens but {len(tags)} values of "tags"')
        for name, values in record.features.items():
            if len(values) != len(tokens):
                raise ValueError(f'{len(tokens)} tokens but {len(values)} values of "{name}"')
        if not tokens:
            raise ValueError("a sentence without tokens")
    elif record.features:
        raise ValueError(f"values of {', '.join(record.features)} without tokens")
    joined = "".join(tokens or ()) + "".join(tags or ())
    if record.text or record.features or record.id or record.document:
        joined = "".join(
            (joined, record.text or "", record.id, record.document or "", *map("".join, record.features.values()))
        )
    _check_text(joined)


def _check_text(text: str) -> None:
    try:
        # Only escapes such as JSON's can produce half a surrogate pair, which is not valid text.
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair (\\ud800 to \\udfff) is not text") from error


def text_of(record: Record, repair: bool, warnings: list[tuple[str, str]]) -> Text:
    """The text of a record that has one, with its entities: trimmed, each once, and which of them to keep.

    repair: drop entities that overlap others. Raises ValueError for what is wrong with them.
    """
    assert record.text is not None
    text, trimmed = record.text, []
    given = record.spans
    if record.tags is not None:
        assert record.tokens is not None
        by_tags = spans_of_tags(record.tags, given_places(record))
        if given is None:
            given = by_tags
        elif odd := {trim(text, check_span(span, text)) for span in given} ^ set(by_tags):
            raise ValueError(f"tags and entities differ: {show_span(text, min(odd))} is in only one of them")
    faults = []
    for span in given or []:
        try:
            checked = check_span(span, text)
            trimmed.append(trim(text, checked))
        except ValueError as error:
            faults.append(str(error))
            continue
        if trimmed[-1][:2] != checked[:2]:
            warnings.append(("spans_trimmed", f"white space at the ends of {show_span(text, checked)} was trimmed"))
    if faults:
        raise SpanError(faults)
    _check_text("".join(span.type for span in trimmed))
    gold = sorted(set(trimmed))
    if len(gold) < len(trimmed):
        double = next(span for span in gold if trimmed.count(span) > 1)
        warnings.append(("duplicate_spans", f"{show_span(text, double)} is there more than once"))
    kept, overlapping = without_overlaps(gold)
    shown = [f"{show_span(text, span)} overlaps {show_span(text, other)}" for span, other in overlapping]
    if shown and not repair:
        raise SpanError([f"{what}, which one tag for each token cannot say; {ADVICE}" for what in shown])
    warnings += [("overlapping_entities_dropped", f"{what} and was dropped") for what in shown]
    return Text(record, text, gold, kept)


def given_places(record: Record) -> TokenPlaces:
    """Where the given tokens are in the text. Raises ValueError for a token that is not there."""
    assert record.tokens is not None
    assert record.text is not None
    starts, ends = [], []
    end = 0
    for i, token in enumerate(record.tokens):
        start = record.text.find(token, end) if record.starts is None else record.starts[i]
        if start < end or record.text[start : start + len(token)] != token:
            advice = "if the text is another one, --columns text=none reads the tokens alone"
            raise ValueError(f"token {token!r} does not occur in the text after character {end}; {advice}")
        end = start + len(token)
        starts.append(start)
        ends.append(end)
    return TokenPlaces(starts, ends)
