"""Annotation mistakes planted at random in a corpus: types changed, borders moved by a token, entities missed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_prep.suspects.pool import Pool, PooledSentence
from data_prep.writers.whole_records import TokenSpan

KINDS = ("type", "border", "missed")


class Mistake(NamedTuple):
    """An entity that is annotated otherwise than before, in sentence number `sentence`."""

    sentence: int
    kind: str
    before: TokenSpan
    # None if it is missed.
    after: TokenSpan | None

    @property
    def tokens(self) -> range:
        """Those of the entity before or after."""
        spans = [self.before] if self.after is None else [self.before, self.after]
        return range(min(span.first for span in spans), max(span.end for span in spans))


def plant_mistakes(pool: Pool, share: float, seed: int) -> list[Mistake]:
    """This share of all entities, drawn at random without two neighbours in a sentence, each with a mistake of a random
    kind; borders that cannot be moved are drawn anew."""
    rng = np.random.default_rng(seed)
    places = [(n, i) for n, sentence in enumerate(pool.sentences) for i in range(len(sentence.gold))]
    mistakes: list[Mistake] = []
    taken: set[int] = set()
    for place in rng.permutation(len(places)).tolist():
        if len(mistakes) == round(share * len(places)):
            break
        number, i = places[place]
        if number not in taken:
            kind = KINDS[rng.integers(len(KINDS))]
            mistake = _mistake(pool, number, i, kind, rng)
            if mistake is not None:
                mistakes.append(mistake)
                taken.add(number)
    return mistakes


def _mistake(pool: Pool, number: int, i: int, kind: str, rng: np.random.Generator) -> Mistake | None:
    sentence = pool.sentences[number]
    before = sentence.gold[i]
    if kind == "missed":
        return Mistake(number, kind, before, None)
    if kind == "type":
        others = [name for name in pool.entity_types if name != before.type]
        return Mistake(number, kind, before, before._replace(type=others[rng.integers(len(others))]))
    moved = _moved(sentence, i)
    return Mistake(number, kind, before, moved[rng.integers(len(moved))]) if moved else None


def _moved(sentence: PooledSentence, i: int) -> list[TokenSpan]:
    """The entity with one border moved by a token, without touching others."""
    span, gold = sentence.gold[i], sentence.gold
    free_from = gold[i - 1].end if i else 0
    free_to = gold[i + 1].first if i + 1 < len(gold) else len(sentence.tokens)
    borders = [(span.first - 1, span.end), (span.first + 1, span.end)]
    borders += [(span.first, span.end - 1), (span.first, span.end + 1)]
    return [TokenSpan(first, end, span.type) for first, end in borders if free_from <= first < end <= free_to]


def with_mistakes(pool: Pool, mistakes: list[Mistake]) -> list[tuple[list[str], list[TokenSpan]]]:
    """Tokens and entities of each sentence, mistakes included."""
    sentences = [(sentence.tokens, list(sentence.gold)) for sentence in pool.sentences]
    for number, _, before, after in mistakes:
        gold = sentences[number][1]
        place = gold.index(before)
        gold[place : place + 1] = [] if after is None else [after]
    return sentences
