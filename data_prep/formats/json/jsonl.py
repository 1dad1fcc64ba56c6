"""JSON lines: {"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]}, as those of `predict`.

The findings of `check --list` are such lines, too; those without a sentence are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.records import find_objects, first_objects, records_of_objects
from data_prep.formats.json.values import cut_at_lines, json_values
from data_prep.formats.read_records import reader
from data_prep.sentences.record import Record

# The fields that every finding has.
FINDING_FIELDS = frozenset(("document", "place", "kind", "level", "message", "suggestion"))


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    """After the formats of other programs: JSON objects of any other kind are this one."""
    # The first one may be cut off or broken; its beginning is enough.
    line = sample.lines[0].lstrip()
    if line.startswith("{") and all(f'"{field}"' in line for field in FINDING_FIELDS):
        return "findings of check"
    if (found := find_objects(sample, options)) is not None:
        return found.evidence or "JSON objects"
    return "JSON objects with tokens or text" if line.startswith("{") and re.search('"(tokens|text)"', line) else None


def _records(source: Source) -> Iterator[Record]:
    return records_of_objects(source, begun=first_objects(source, _with_sentences))


def _with_sentences(source: Source) -> Iterator[tuple[int, Any]]:
    """The values of a file but for findings without a sentence, which are no records."""
    for number, value in json_values(source):
        if isinstance(value, dict) and value.keys() >= FINDING_FIELDS and "text" not in value:
            where = f"{source.path}:{number}"
            source.problems.warn("findings_left_out", where, "a finding without a sentence is left out")
        else:
            yield number, value


JSONL = Format(
    name="jsonl",
    description='{"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]} in each line, '
    "or the output of predict",
    default_encoding="utf-8",
    evidence="JSON objects",
    recognise=recognise,
    read=reader(_records),
    cut_at=cut_at_lines,
)
