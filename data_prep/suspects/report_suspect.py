"""A suspect -> warnings with what to change: by characters where the corpus has texts, else by tags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from data_prep.annotation.suggestions import SentenceView, record, suggestion
from data_prep.problems import Problems
from data_prep.suspects.disagreements import Disagreement, Suspect
from data_prep.suspects.pool import Pool, PooledSentence
from data_prep.writers.whole_records import TokenSpan
from ner_dist.contract.visible_text import shown


def report_suspect(suspect: Suspect, pool: Pool, problems: Problems) -> None:
    """Warn of a suspect; of entities by characters that overlap several others, there is a warning for each change."""
    found = suspect.found
    sentence = pool.sentences[found.sentence]
    where = f"{pool.names[sentence.source]}:{sentence.lines[found.first]}"
    confidence = round(suspect.confidence, 4)
    what = f"{_describe(found, sentence)} (confidence {confidence:.2f})"
    view = _view(found.sentence, pool)
    after = record(view, found.gold, found.predicted) if problems.wants_records else None
    for old, new in _changes(found, sentence):
        change = {**(suggestion(view, old, new) or {}), "confidence": confidence}
        problems.warn(found.kind, where, what, document=sentence.origin.document, suggestion=change, record=after)


def _describe(found: Disagreement, sentence: PooledSentence) -> str:
    gold, predicted = (
        " and ".join(f"{shown(' '.join(sentence.tokens[span.first : span.end]))} {span.type}" for span in spans)
        for spans in (found.gold, found.predicted)
    )
    annotated = f"{gold} is annotated" if gold else "no entity is annotated here"
    return f"{annotated}, but taggers that have not seen the sentence find {predicted or 'no entity there'}"


def _changes(
    found: Disagreement, sentence: PooledSentence
) -> Iterator[tuple[tuple[TokenSpan, ...], tuple[TokenSpan, ...]]]:
    """What is to be instead of what: all at once by tags, and one entity at a time by characters."""
    if sentence.origin.text is None:
        yield found.gold, found.predicted
        return
    for old, new in zip_longest(found.gold, found.predicted):
        yield () if old is None else (old,), () if new is None else (new,)


def _view(number: int, pool: Pool) -> SentenceView:
    sentences, sentence = pool.sentences, pool.sentences[number]

    def is_part(other: PooledSentence) -> bool:
        return (other.source, other.lines[0]) == (sentence.source, sentence.lines[0])

    # The sentences of a record follow one another.
    first, end = number, number + 1
    while first and is_part(sentences[first - 1]):
        first -= 1
    while end < len(sentences) and is_part(sentences[end]):
        end += 1
    parts = [part.origin for part in sentences[first:end]]
    scheme = pool.schemes[sentence.source]
    return SentenceView(sentence.tokens, sentence.lines, sentence.gold, sentence.origin, parts, scheme)
