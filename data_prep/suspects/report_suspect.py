"""A suspect -> warnings with what to change: by characters where the corpus has texts, else by tags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import Span
from data_prep.suspects.disagreements import Disagreement, Suspect
from data_prep.suspects.pool import Pool, PooledSentence
from data_prep.tags.tag_characters import shown
from data_prep.tags.tag_strings import spell_tags
from data_prep.writers.whole_records import TokenSpan
from ner_dist.contract import tag_schemes


def report_suspect(suspect: Suspect, pool: Pool, problems: Problems) -> None:
    """Warn of a suspect; entities by characters that overlap several others are a warning for each."""
    found = suspect.found
    sentence = pool.sentences[found.sentence]
    where = f"{pool.names[sentence.source]}:{sentence.lines[found.first]}"
    confidence = round(suspect.confidence, 4)
    what = f"{_describe(found, sentence)} (confidence {confidence:.2f})"
    has_text = sentence.origin.text is not None
    changes = _changes(found, sentence) if has_text else [_set_tags(found, sentence, pool)]
    record = _record_after(found, pool) if problems.wants_records else None
    for change in changes:
        suggestion = {**change, "confidence": confidence}
        problems.warn(found.kind, where, what, document=sentence.origin.document, suggestion=suggestion, record=record)


def _describe(found: Disagreement, sentence: PooledSentence) -> str:
    gold, predicted = (
        " and ".join(f"{_quoted(sentence, span)} {span.type}" for span in spans)
        for spans in (found.gold, found.predicted)
    )
    if not gold:
        return f"no entity is annotated here, taggers that have not seen the sentence find {predicted}"
    if not predicted:
        return f"{gold} is annotated, taggers that have not seen the sentence find no entity there"
    return f"{gold} is annotated, taggers that have not seen the sentence find {predicted}"


def _quoted(sentence: PooledSentence, span: TokenSpan) -> str:
    return shown(" ".join(sentence.tokens[span.first : span.end]))


def _changes(found: Disagreement, sentence: PooledSentence) -> Iterator[dict[str, Any]]:
    """What to change by characters: as many single changes as there are entities, of which most are one."""
    gold = [_source_span(sentence, span) for span in found.gold]
    predicted = [_by_characters(sentence, span) for span in found.predicted]
    for old, new in zip_longest(gold, predicted):
        if old is None:
            yield {"action": "add", "entity": list(new)}
        elif new is None:
            yield {"action": "remove", "entity": list(old)}
        else:
            yield {"action": "replace", "entity": list(old), "by": list(new)}


def _by_characters(sentence: PooledSentence, span: TokenSpan) -> Span:
    starts = sentence.origin.starts
    return Span(starts[span.first], starts[span.end - 1] + len(sentence.tokens[span.end - 1]), span.type)


def _source_span(sentence: PooledSentence, span: TokenSpan) -> Span:
    """A gold entity as the source has it: perhaps with spaces at its ends, or other borders than the tokens."""
    mine = _by_characters(sentence, span)
    of_type = [given for given in sentence.origin.spans if given.type == span.type]
    return max(of_type, key=lambda given: min(given.end, mine.end) - max(given.start, mine.start), default=mine)


def _set_tags(found: Disagreement, sentence: PooledSentence, pool: Pool) -> dict[str, Any]:
    """The tags that change, in the scheme of the file."""
    old, new = (_tags(sentence, entities, pool) for entities in (sentence.gold, _after(sentence.gold, found)))
    # Tags behind an entity may change with it.
    changed = [i for i, (before, after) in enumerate(zip(old, new)) if before != after]
    first, end = min(found.first, *changed[:1]), max(found.end, *(i + 1 for i in changed[-1:]))
    place = {"first_line": sentence.lines[first]}
    if len(sentence.lines) > 1 and sentence.lines[0] == sentence.lines[-1]:
        # The sentence is one line, or one record.
        place["first_token"] = first
    return {"action": "set_tags", **place, "tags": new[first:end]}


def _tags(sentence: PooledSentence, entities: list[TokenSpan], pool: Pool) -> list[str]:
    type_ids = {name: type_id for type_id, name in enumerate(pool.entity_types)}
    spans = np.array([(span.first, span.end, type_ids[span.type]) for span in entities], np.int64).reshape(-1, 3)
    tag_M = tag_schemes.spans_to_bilou(tag_schemes.Spans(*spans.T), len(sentence.tokens))
    length_N = np.array([len(sentence.tokens)])
    block = TaggedSentences(sentence.tokens, tag_M, {}, length_N, "", np.array(sentence.lines))
    return spell_tags(block, pool.entity_types, pool.schemes[sentence.source])


def _after(gold: list[TokenSpan], found: Disagreement) -> list[TokenSpan]:
    return sorted([*(span for span in gold if span not in found.gold), *found.predicted])


def _record_after(found: Disagreement, pool: Pool) -> dict[str, Any]:
    """The sentence's record as it would be with what the taggers say."""
    sentence = pool.sentences[found.sentence]
    if sentence.origin.text is None:
        starts = np.cumsum([0, *(len(token) + 1 for token in sentence.tokens)]).tolist()
        spans = [[starts[span.first], starts[span.end] - 1, span.type] for span in _after(sentence.gold, found)]
        return {"text": " ".join(sentence.tokens), "entities": spans, "tokens": sentence.tokens}
    parts = list(_parts(found.sentence, pool))
    removed = [_source_span(sentence, span) for span in found.gold]
    kept = [span for part in parts for span in part.origin.spans if span not in removed]
    after = sorted([*kept, *(_by_characters(sentence, span) for span in found.predicted)])
    return {"text": "".join(part.origin.text or "" for part in parts), "entities": [list(span) for span in after]}


def _parts(number: int, pool: Pool) -> Iterator[PooledSentence]:
    """The sentences of the same record, which follow one another."""
    sentences, of = pool.sentences, pool.sentences[number]

    def is_part(other: PooledSentence) -> bool:
        return (other.source, other.lines[0]) == (of.source, of.lines[0])

    first = number
    while first and is_part(sentences[first - 1]):
        first -= 1
    for sentence in sentences[first:]:
        if not is_part(sentence):
            return
        yield sentence
