"""What to change in a sentence, for a program: the suggestion, and the sentence as it would then be.

Places are characters of a text where the source has one, and lines of the file where it has tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import Origin
from data_prep.tags.tag_strings import spell_tags
from ner_dist.contract.tag_schemes import ALL_SCHEMES, Spans, spans_to_bilou

# Tokens start .. end - 1 of a sentence are an entity of a type.
Entity = tuple[int, int, str]


class SentenceView(NamedTuple):
    """A sentence as it stands in the corpus."""

    tokens: Sequence[str]
    # Line of each token.
    lines: Sequence[int]
    entities: Sequence[Entity]
    origin: Origin
    # Of all sentences of the same record, in their order.
    parts: Sequence[Origin]
    # The tag scheme of its file.
    scheme: str


def suggestion(view: SentenceView, old: Sequence[Entity], new: Sequence[Entity]) -> Mapping[str, Any] | None:
    """To have `new` instead of `old`; None if that is more than one change of a text's entities."""
    if view.origin.text is None:
        return _set_tags(view, _changed(view, old, new))
    if len(old) > 1 or len(new) > 1 or not (old or new):
        return None
    places = [[*_characters(view, entity), entity[2]] for entity in (*old, *new)]
    if old and new:
        return {"action": "replace", "entity": places[0], "by": places[1]}
    return {"action": "remove" if old else "add", "entity": places[0]}


def record(view: SentenceView, old: Sequence[Entity], new: Sequence[Entity]) -> Mapping[str, Any]:
    """The sentence, or the record whose text it is a part of, with `new` instead of `old`."""
    if view.origin.text is not None:
        return _record_of_text(view, old, new)
    begins = np.cumsum([0, *(len(token) + 1 for token in view.tokens)]).tolist()
    entities = [[begins[start], begins[end] - 1, entity_type] for start, end, entity_type in _changed(view, old, new)]
    return {"text": " ".join(view.tokens), "entities": entities, "tokens": list(view.tokens)}


def _record_of_text(view: SentenceView, old: Sequence[Entity], new: Sequence[Entity]) -> Mapping[str, Any]:
    touched = [_characters(view, entity) for entity in (*old, *new)]
    added = [(*_characters(view, entity), entity[2]) for entity in new]
    # The source's own entities, which tokens may not express.
    given = (span for part in view.parts for span in part.spans)
    kept = [tuple(span) for span in given if not _overlaps(span.start, span.end, touched)]
    text = "".join(part.text or "" for part in view.parts)
    return {"text": text, "entities": [list(entity) for entity in sorted({*kept, *added})]}


def _overlaps(start: int, end: int, places: Sequence[tuple[int, int]]) -> bool:
    return any(start < other_end and end > other_start for other_start, other_end in places)


def _characters(view: SentenceView, entity: Entity) -> tuple[int, int]:
    """The place of an entity in the text of its record."""
    start, end, _ = entity
    return view.origin.starts[start], view.origin.starts[end - 1] + len(view.tokens[end - 1])


def _changed(view: SentenceView, old: Sequence[Entity], new: Sequence[Entity]) -> list[Entity]:
    kept = [
        entity
        for entity in view.entities
        if entity not in old and not _overlaps(*entity[:2], [(start, end) for start, end, _ in new])
    ]
    return sorted([*kept, *new])


def _set_tags(view: SentenceView, entities: Sequence[Entity]) -> Mapping[str, Any] | None:
    """The tags from the first line that changes to the last one, in the scheme of the file or else in BIO."""
    types = sorted({entity_type for _, _, entity_type in (*view.entities, *entities)})
    scheme = view.scheme if view.scheme in ALL_SCHEMES else "bio"
    before, after = (_tags(view, some, types, scheme) for some in (view.entities, entities))
    changed = [i for i, (one, other) in enumerate(zip(before, after)) if one != other]
    if not changed:
        return None
    first, end = changed[0], changed[-1] + 1
    place = {"first_line": view.lines[first]}
    if len(view.lines) > 1 and view.lines[0] == view.lines[-1]:
        # The sentence is one line, or one record.
        place["first_token"] = first
    return {"action": "set_tags", **place, "tags": after[first:end]}


def _tags(view: SentenceView, entities: Sequence[Entity], types: list[str], scheme: str) -> list[str]:
    start_E, end_E, type_E = (
        np.array([entity[0] for entity in entities], np.int64),
        np.array([entity[1] for entity in entities], np.int64),
        np.array([types.index(entity[2]) for entity in entities], np.int64),
    )
    tag_M = spans_to_bilou(Spans(start_E, end_E, type_E), len(view.tokens))
    block = TaggedSentences(
        list(view.tokens), tag_M, {}, np.array([len(view.tokens)]), "", np.array(view.lines, np.int64)
    )
    return spell_tags(block, types, scheme)
