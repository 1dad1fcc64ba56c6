"""The entities of one sentence's tag strings, whatever their scheme, to compare them with spans."""

from __future__ import annotations

from data_prep.cutting.align_spans import TokenPlaces
from data_prep.sentences.record import Span
from data_prep.tags.tag_strings import parse_tag

BEGINS, ENDS = frozenset("BUSW"), frozenset("LEUSW")


def spans_of_tags(tags: list[str], places: TokenPlaces) -> list[Span]:
    """By characters. Broken tags are read as the CoNLL scorer reads them; types without letters, as their scheme is."""
    found: list[list[int | str]] = []
    # The type of an entity that may go on.
    before = ""
    for i, tag in enumerate(tags):
        parsed = parse_tag(tag)
        if parsed.readings:
            letter, entity_type = parsed.readings[0][:2]
        else:
            letter, entity_type = ("I", parsed.text) if parsed.kind == "type" else ("O", "")
        if entity_type and (letter in BEGINS or before != entity_type):
            found.append([places.starts[i], places.ends[i], entity_type])
        elif entity_type:
            found[-1][1] = places.ends[i]
        before = "" if letter in ENDS else entity_type
    return [Span(*span) for span in found]  # type: ignore[arg-type]
