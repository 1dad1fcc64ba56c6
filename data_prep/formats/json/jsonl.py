"""JSON lines: {"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]}, as those of `predict`."""

from __future__ import annotations

import re

from data_prep.formats.corpus_format import Format, ReadOptions, Sample
from data_prep.formats.json.records import find_objects, records_of_objects
from data_prep.formats.read_records import reader


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    """After the formats of other programs: JSON objects of any other kind are this one."""
    if (found := find_objects(sample, options)) is not None:
        return found.evidence or "JSON objects"
    # The first one may be cut off or broken; its beginning is enough.
    line = sample.lines[0].lstrip()
    return "JSON objects with tokens or text" if line.startswith("{") and re.search('"(tokens|text)"', line) else None


JSONL = Format(
    name="jsonl",
    description='{"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]} in each line, '
    "or the output of predict",
    default_encoding="utf-8",
    evidence="JSON objects",
    recognise=recognise,
    read=reader(records_of_objects),
)
