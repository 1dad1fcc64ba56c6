"""doccano's JSON lines: a text, and its spans in label, labels, entities or annotations."""

from __future__ import annotations

from data_prep.formats.corpus_format import Format, ReadOptions, Sample
from data_prep.formats.json.records import find_objects, records_of_objects
from data_prep.formats.json.values import cut_at_lines
from data_prep.formats.read_records import reader


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = find_objects(sample, options)
    if found is None or not found.fields.text or not found.fields.spans or found.fields.tags:
        return None
    # Lists stand in label or labels; in entities and annotations, doccano has objects of its own.
    is_list = found.fields.spans[0] in ("label", "labels") and found.fields.span_words.startswith("[")
    return found.evidence if is_list or "start_offset" in found.fields.span_words else None


DOCCANO = Format(
    name="doccano",
    description="JSON lines of doccano: text, with label, labels or entities",
    default_encoding="utf-8",
    evidence='JSON objects with "text" and spans in "label" or "labels", or spans with "start_offset"',
    recognise=recognise,
    read=reader(records_of_objects),
    cut_at=cut_at_lines,
)
