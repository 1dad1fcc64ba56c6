"""GLiNER's training data: {"tokenized_text": [...], "ner": [[first token, last token, type], ...]}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from data_prep.cutting.align_spans import without_overlaps
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.fields import find_names
from data_prep.formats.json.records import find_objects, first_objects, name_of
from data_prep.formats.read_records import reader
from data_prep.sentences.record import Record, Span

ADVICE = "--on-broken repair keeps the one that begins first, of two that begin together the longer one"


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
            source.error(number, str(error))
        else:
            yield Record(number, tokens, tags, id=name or "", document=document)


def _tags(tokens: list[str], given: Any, source: Source, number: int) -> list[str]:
    """A BIO tag for each token. Raises ValueError for what is not an entity, and for two that overlap."""
    if not isinstance(given, list):
        raise ValueError('"ner" is not a list of [first token, last token, type]')
    found = set()
    for span in given:
        if not isinstance(span, list) or [type(part) for part in span] != [int, int, str] or not span[2].strip():
            raise ValueError(f"entity {json.dumps(span)} is not [first token, last token, type]")
        first, last, entity_type = span
        if not 0 <= first <= last < len(tokens):
            raise ValueError(f"entity {json.dumps(span)} lies outside the {len(tokens)} tokens, or is empty")
        found.add(Span(first, last + 1, entity_type.strip()))
    kept, overlapping = without_overlaps(sorted(found))
    for span, other in overlapping:
        shown, kept_shown = (f"{' '.join(tokens[s.start : s.end])[:40]!r} ({s.type})" for s in (span, other))
        if not source.options.repair:
            raise ValueError(f"entity {shown} overlaps {kept_shown}, which a tag for each token cannot say; {ADVICE}")
        what = f"entity {shown} overlaps {kept_shown} and was dropped"
        source.problems.warn("overlapping_entities_dropped", f"{source.path}:{number}", what)
    tags = ["O"] * len(tokens)
    for start, end, entity_type in kept:
        tags[start:end] = [f"B-{entity_type}", *[f"I-{entity_type}"] * (end - start - 1)]
    return tags


GLINER = Format(
    name="gliner",
    description="training data of GLiNER: tokenized_text, and ner with first and last token",
    default_encoding="utf-8",
    evidence='JSON objects with "tokenized_text" and "ner"',
    recognise=recognise,
    read=reader(records),
)
