"""What a record says: whether it can be right, and its entities by characters, each once and without overlaps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.cutting.align_spans import TokenPlaces, show_span
from data_prep.cutting.gold_spans import SpanCleaner, resolve_overlaps, trimmed_span, without_overlaps
from data_prep.cutting.tag_spans import spans_of_tags
from data_prep.dirt.policies import FAIL, Policies, advice
from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.record import Record, Span
from ner_dist.contract.visible_text import is_blank_text, shown


def blank_token(token: str, policy: str, place: int) -> Complaint:
    """Of a token that cannot be seen; place: counted from 0 among the record's own."""
    what = f"token {shown(token)} is empty or only what cannot be seen"
    suggestion = {"action": "remove_token", "token": place}
    if policy == FAIL:
        return Complaint("blank_token", f"{what}; {advice('blank_token')}", suggestion)
    return Complaint("blank_tokens_dropped", f"{what}, and was left out", suggestion)


def empty_record(what: str) -> ComplaintError:
    return ComplaintError(Complaint("empty_record", f"{what}; {advice('empty_record')}", {"action": "remove_record"}))


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
            raise empty_record("a sentence without tokens")
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


def text_of(record: Record, policies: Policies, warnings: list[Complaint], with_records: bool = False) -> Text:
    """The text of a record that has one, with its entities: right by the policies for dirt, and which of them to keep.

    Its own tokens are without blank ones. with_records: say what the record would be after a suggestion. Raises
    ComplaintError for what is wrong with them.
    """
    assert record.text is not None
    by_tags = None
    if record.tags is not None:
        places = given_places(record)
        trimmed = (trimmed_span(record.text, span) for span in spans_of_tags(record.tags, places))
        by_tags = {span for span in trimmed if span is not None}
    given: Sequence[Span] = record.spans if record.spans is not None else sorted(by_tags or ())
    record = without_blank_tokens(record, policies, warnings)
    cleaner = SpanCleaner(record, given, policies, with_records)
    gold = cleaner.clean()
    warnings += cleaner.warnings
    if cleaner.faults:
        raise ComplaintError(*cleaner.faults)
    _check_text("".join(span.type for span in gold))
    if record.spans is not None and by_tags is not None:
        _compare(cleaner.text, gold, by_tags)
    return Text(record, cleaner.text, gold, resolve_overlaps(cleaner, gold, warnings))


def _compare(text: str, gold: list[Span], by_tags: set[Span]) -> None:
    """Raises ComplaintError if tags and entities contradict each other. Of entities that overlap, tags can say one."""
    overlapping = {span for pair in without_overlaps(gold)[1] for span in pair}
    if odd := {*gold} ^ by_tags - overlapping:
        what = f"tags and entities differ: {show_span(text, min(odd))} is in only one of them"
        raise ComplaintError(Complaint("tags_and_entities_differ", what))


def without_blank_tokens(record: Record, policies: Policies, warnings: list[Complaint]) -> Record:
    """The record, which has a text, without given tokens that are empty or cannot be seen; then also without its tags.

    Raises ComplaintError if that is to fail.
    """
    blank = [i for i, token in enumerate(record.tokens or ()) if is_blank_text(token)]
    if not blank:
        return record
    assert record.tokens is not None
    complaints = [blank_token(record.tokens[i], policies.on_blank_token, i) for i in blank]
    if policies.on_blank_token == FAIL:
        raise ComplaintError(*complaints)
    warnings += complaints
    kept = sorted(set(range(len(record.tokens))) - set(blank))
    firsts = record.sentence_starts
    return record._replace(
        tokens=[record.tokens[i] for i in kept],
        tags=None,
        spans=record.spans if record.spans is not None or record.tags is None else [],
        starts=None if record.starts is None else [record.starts[i] for i in kept],
        features={name: [values[i] for i in kept] for name, values in record.features.items()},
        sentence_starts=None
        if firsts is None
        else sorted({bisect_left(kept, first) for first in firsts} - {len(kept)}),
    )


def given_places(record: Record) -> TokenPlaces:
    """Where the given tokens are in the text. Raises ValueError for a token that is not there."""
    assert record.tokens is not None
    assert record.text is not None
    starts, ends = [], []
    end = 0
    for i, token in enumerate(record.tokens):
        start = record.text.find(token, end) if record.starts is None else record.starts[i]
        if start < end or record.text[start : start + len(token)] != token:
            hint = "if the text is another one, --columns text=none reads the tokens alone"
            raise ComplaintError(
                Complaint(
                    "token_not_in_text",
                    f"token {shown(token)} does not occur in the text after character {end}; {hint}",
                )
            )
        end = start + len(token)
        starts.append(start)
        ends.append(end)
    return TokenPlaces(starts, ends)
