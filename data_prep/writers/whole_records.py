"""Sentences -> whole records again: the text of a source with its entities, or a sentence of tokens as a text.

Axes: E entities, M tokens, N sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences, starts_mask
from data_prep.sentences.record import Origin, Span
from data_prep.writers.output_format import WriteOptions, document_numbers
from ner_dist.contract import tag_schemes


class TokenSpan(NamedTuple):
    """Tokens first .. end - 1 are an entity of this type."""

    first: int
    end: int
    type: str


class WholeRecord(NamedTuple):
    """A text and all that is known of it."""

    text: str
    # By characters of the text, in their order.
    spans: list[Span]
    tokens: list[str]
    # Of each token, its first character in the text.
    starts: list[int]
    # The first token of each sentence.
    sentence_starts: list[int]
    # As the tags have them.
    entities: list[TokenSpan]
    features: dict[str, list[str]]
    # "" if it has none, and for a text of several sentences that is a document itself.
    id: str
    document: str
    # Whether the text is the source's own, and not tokens joined by spaces.
    has_own_text: bool


class _Part(NamedTuple):
    """A sentence of a record."""

    tokens: list[str]
    entities: list[TokenSpan]
    features: dict[str, list[str]]
    origin: Origin
    # Number of its document, 0 if it has none.
    document: int
    where: str


def sentence_entities(block: TaggedSentences, entity_types: list[str]) -> list[list[TokenSpan]]:
    """The entities of each sentence, by its own tokens."""
    starts_M = starts_mask(block.length_N)
    found = tag_schemes.entity_spans(*tag_schemes.split_ids(block.tag_M), starts_M)
    sentence_E = np.cumsum(starts_M)[found.start_E] - 1
    first_E = np.flatnonzero(starts_M)[sentence_E]
    entities: list[list[TokenSpan]] = [[] for _ in block.length_N]
    columns = (sentence_E, found.start_E - first_E, found.end_E - first_E, found.type_E)
    for sentence, first, end, type_id in zip(*(column.tolist() for column in columns)):
        entities[sentence].append(TokenSpan(first, end, entity_types[type_id]))
    return entities


class RecordAssembler:
    """Takes blocks of sentences and hands out whole records; holds back the one that may still go on."""

    def __init__(self, options: WriteOptions, problems: Problems) -> None:
        self._options, self._problems = options, problems
        self._parts: list[_Part] = []

    def add(self, block: TaggedSentences) -> Iterator[WholeRecord]:
        entities = sentence_entities(block, self._options.entity_types)
        numbers = document_numbers(block).tolist()
        for i, place in enumerate(block.sentence_slices()):
            origin = Origin() if block.origins is None else block.origins[i]
            features = {name: values[place] for name, values in block.features.items()}
            part = _Part(block.text_M[place], entities[i], features, origin, numbers[i], block.where(place.start))
            if self._parts and not _continues(self._parts[-1], part):
                yield self._take()
            self._parts.append(part)

    def close(self) -> Iterator[WholeRecord]:
        if self._parts:
            yield self._take()

    def _take(self) -> WholeRecord:
        parts, self._parts = self._parts, []
        return _of_tokens(parts[0]) if parts[0].origin.text is None else self._of_text(parts)

    def _of_text(self, parts: list[_Part]) -> WholeRecord:
        first = parts[0]
        text = "".join(part.origin.text or "" for part in parts)
        # More than 0 only if the beginning is missing, for example because it is in another split.
        begin = first.origin.text_start
        if begin:
            what = f"the text before character {begin} of record {first.origin.record!r} is not here; the rest is one"
            self._problems.warn("incomplete_records", first.where, what)
        starts = [start - begin for part in parts for start in part.origin.starts]
        tokens, entities, firsts = _joined(parts)
        spans = _spans(tokens, starts, entities)
        if self._options.as_in_source:
            given = [Span(start - begin, end - begin, kind) for p in parts for start, end, kind in p.origin.spans]
            spans = [span for span in given if span.end <= len(text)]
            if len(spans) < len(given):
                what = "an entity reaches over the end of the text that is here, and is left out"
                self._problems.warn("incomplete_records", first.where, what)
        # Without a name of its own, a text of several sentences is a document itself: readers know that.
        is_own = len(parts) > 1 and first.origin.document in ("", first.origin.record, str(first.document))
        return WholeRecord(
            text,
            spans,
            tokens,
            starts,
            firsts,
            entities,
            {name: [value for part in parts for value in part.features[name]] for name in first.features},
            first.origin.record,
            "" if is_own else _document(first),
            has_own_text=True,
        )


def _continues(before: _Part, part: _Part) -> bool:
    """Whether a sentence goes on with the text of the one before it."""
    last, origin = before.origin, part.origin
    return (
        last.text is not None
        and origin.text is not None
        and 0 < origin.text_start == last.text_start + len(last.text)
        and (origin.record, part.document) == (last.record, before.document)
    )


def _of_tokens(part: _Part) -> WholeRecord:
    """A sentence without a text of its own: its tokens, joined by single spaces."""
    starts, end = [], 0
    for token in part.tokens:
        starts.append(end)
        end += len(token) + 1
    spans = _spans(part.tokens, starts, part.entities)
    text = " ".join(part.tokens)
    record, document = part.origin.record, _document(part)
    return WholeRecord(
        text, spans, part.tokens, starts, [0], part.entities, part.features, record, document, has_own_text=False
    )


def _document(part: _Part) -> str:
    return part.origin.document or str(part.document) if part.document else ""


def _joined(parts: list[_Part]) -> tuple[list[str], list[TokenSpan], list[int]]:
    """All tokens, all entities by these, and the first token of each sentence."""
    entities, firsts = [], []
    num_tokens = 0
    for part in parts:
        firsts.append(num_tokens)
        entities += [TokenSpan(num_tokens + first, num_tokens + end, kind) for first, end, kind in part.entities]
        num_tokens += len(part.tokens)
    return list(chain.from_iterable(part.tokens for part in parts)), entities, firsts


def _spans(tokens: list[str], starts: list[int], entities: list[TokenSpan]) -> list[Span]:
    return [Span(starts[first], starts[end - 1] + len(tokens[end - 1]), kind) for first, end, kind in entities]
