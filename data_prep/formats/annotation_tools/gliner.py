"""GLiNER's training data: {"tokenized_text": [...], "ner": [[first token, last token, type], ...]}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from data_prep.cutting.gold_spans import without_overlaps
from data_prep.dirt.policies import DIRT, FAIL, Policies, advice
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.fields import find_names
from data_prep.formats.json.records import document_of, find_objects, first_objects, name_of
from data_prep.formats.read_records import reader
from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.record import Record, Span
from ner_dist.contract.visible_text import escaped, shown, trim


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = find_objects(sample, ReadOptions())
    if found is None or not any("tokenized_text" in value and "ner" in value for value in found.objects):
        return None
    return f"{found.layout} with 'tokenized_text' and 'ner' [first token, last token, type]"


def records(source: Source) -> Iterator[Record]:
    objects, values = first_objects(source)
    names = find_names(objects, source.options)
    for number, value in values:
        try:
            if not isinstance(value, dict):
                raise ValueError("not a JSON object")
            tokens = value.get("tokenized_text")
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise ValueError('"tokenized_text" is not a list of strings')
            tags = _tags(tokens, value.get("ner"), source, number)
            name, document = (name_of(value, field) for field in names)
        except ValueError as error:
            source.refuse(number, error, document_of(value, names.document), "malformed_record")
        else:
            yield Record(number, tokens, tags, id=name or "", document=document)


def _tags(tokens: list[str], given: Any, source: Source, number: int) -> list[str]:
    """A BIO tag for each token. Raises ValueError for what is not an entity, and for dirt that no policy allows."""
    if not isinstance(given, list):
        raise ValueError('"ner" is not a list of [first token, last token, type]')
    found, faults = _spans(tokens, given, source.options.policies)
    policy = source.options.policies.on_overlap
    kept, overlapping = without_overlaps(sorted(set(found)), policy)
    for span, other in overlapping:
        one, another = (f"{shown(' '.join(tokens[s.start : s.end])[:40])} ({escaped(s.type)})" for s in (span, other))
        what, suggestion = f"entity {one} overlaps {another}", {"action": "remove", "entity": _stated(span)}
        if policy == FAIL:
            what += f", which a tag for each token cannot say; {advice('overlapping_entities')}"
            faults.append(Complaint("overlapping_entities", what, suggestion))
        else:
            what += f" and was dropped (--on-overlap {policy})"
            faults.append(Complaint("overlapping_entities_dropped", what, suggestion))
    errors = [fault for fault in faults if fault.kind in (*DIRT, "malformed_span")]
    if errors:
        raise ComplaintError(*errors)
    for warning in faults:
        source.warn(number, warning)
    tags = ["O"] * len(tokens)
    for start, end, entity_type in kept:
        tags[start:end] = [f"B-{entity_type}", *[f"I-{entity_type}"] * (end - start - 1)]
    return tags


def _spans(tokens: list[str], given: list[Any], policies: Policies) -> tuple[list[Span], list[Complaint]]:
    """The entities as spans of tokens, each once, and what is wrong or was mended."""
    found: list[Span] = []
    faults: list[Complaint] = []
    for stated in given:
        if not isinstance(stated, list) or [type(part) for part in stated] != [int, int, str] or not trim(stated[2]):
            what = f"entity {json.dumps(stated)[:100]} is not [first token, last token, type]"
            faults.append(Complaint("malformed_span", what))
            continue
        span = Span(stated[0], stated[1] + 1, trim(stated[2]))
        remove = {"action": "remove", "entity": stated}
        if not 0 <= span.start < span.end <= len(tokens):
            what = f"entity {json.dumps(stated)} lies outside the {len(tokens)} tokens, or is empty"
            inside = span._replace(start=max(0, span.start), end=min(span.end, len(tokens)))
            clipped = inside if inside.start < inside.end else None
            by = {"action": "replace", "entity": stated, "by": _stated(clipped)} if clipped else remove
            if policies.on_span_outside == FAIL:
                faults.append(Complaint("span_outside_text", f"{what}; {advice('span_outside_text')}", by))
                continue
            if clipped is None or policies.on_span_outside == "drop":
                faults.append(Complaint("spans_outside_dropped", f"{what} and was dropped", remove))
                continue
            faults.append(Complaint("spans_clipped", f"{what}; what is inside of them is kept", by))
            span = clipped
        if span in found:
            what = f"entity {json.dumps(stated)} is there more than once"
            if policies.on_duplicate_span == FAIL:
                faults.append(Complaint("duplicate_spans", f"{what}; {advice('duplicate_spans')}", remove))
            else:
                faults.append(Complaint("duplicate_spans_dropped", what, remove))
            continue
        found.append(span)
    return found, faults


def _stated(span: Span) -> list[Any]:
    """As the format has it: the last token instead of the one after it."""
    return [span.start, span.end - 1, span.type]


GLINER = Format(
    name="gliner",
    description="training data of GLiNER: tokenized_text, and ner with first and last token",
    default_encoding="utf-8",
    evidence='JSON objects with "tokenized_text" and "ner"',
    recognise=recognise,
    read=reader(records),
)
