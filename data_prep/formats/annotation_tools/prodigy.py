"""Prodigy's JSON lines: text, tokens and spans; only what was accepted is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.fields import Fields
from data_prep.formats.json.records import find_objects, records_of_objects
from data_prep.formats.json.values import cut_at_lines
from data_prep.formats.read_records import reader
from data_prep.sentences.record import Record

ANSWERS = ("accept", "reject", "ignore")
MARKS = ("answer", "_task_hash", "_input_hash", "_session_id", "_view_id")


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = find_objects(sample, options)
    if found is None or not found.fields.text or found.fields.spans != ["spans"] or found.fields.tags:
        return None
    marks = [mark for mark in MARKS if any(mark in value for value in found.objects)]
    if not marks and not found.fields.token_objects and "'label'" not in found.fields.span_words:
        return None
    return found.evidence + (f", and {marks[0]!r}" if marks else "")


def records(source: Source) -> Iterator[Record]:
    def prepare(value: dict[str, Any], fields: Fields) -> str | None:
        answer = value.get("answer", "accept")
        if answer not in ANSWERS:
            raise ValueError(f'"answer" is {json.dumps(answer)[:40]}, expected one of {", ".join(ANSWERS)}')
        if answer != "accept":
            return f"{answer}{'' if answer.endswith('e') else 'e'}d_records"
        # Absent where the annotator marked nothing.
        if value.get("spans") is None:
            value["spans"] = []
        if value.get("_view_id") == "ner":
            what = "a yes or no to some spans; the others of this text are not annotated, and are read as none"
            source.problems.warn("binary_answers", source.path, what)
        return None

    return records_of_objects(source, prepare)


PRODIGY = Format(
    name="prodigy",
    description="JSON lines of Prodigy: text, tokens and spans; only those with the answer accept are read",
    default_encoding="utf-8",
    evidence='JSON objects with "text" and "spans" with labels, or Prodigy\'s "answer" or "_task_hash"',
    recognise=recognise,
    read=reader(records),
    cut_at=cut_at_lines,
)
