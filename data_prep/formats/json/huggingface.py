"""Hugging Face data sets as JSON lines: tokens or words, and tags under their many names, as strings or integers."""

from __future__ import annotations

from data_prep.formats.corpus_format import Format, ReadOptions, Sample
from data_prep.formats.json.records import find_objects, records_of_objects
from data_prep.formats.json.values import cut_at_lines
from data_prep.formats.read_records import reader


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = find_objects(sample, options)
    if found is None or not found.fields.tokens or not found.fields.tags or found.fields.token_objects:
        return None
    # These names with strings are this project's own.
    is_own = (found.fields.tokens, found.fields.tags, found.fields.tag_numbers) == (["tokens"], ["tags"], False)
    return None if is_own else found.evidence


HUGGINGFACE = Format(
    name="huggingface",
    description="JSON lines of Hugging Face: tokens or words, with tags, ner_tags or labels; integers need --tag-names",
    default_encoding="utf-8",
    evidence='JSON objects with "tokens" or "words" and "ner_tags" or "labels"',
    recognise=recognise,
    read=reader(records_of_objects),
    cut_at=cut_at_lines,
)
