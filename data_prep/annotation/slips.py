"""Probable slips of annotation in a block, each with how surprising it is.

A slip is what the rest of the corpus hardly ever does: the log of (how often it is done otherwise) / (how often as
here, this place left out), and what the neighbouring tokens say. Axes: E entities, K places, P phrases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.annotation.contexts import Contexts
from data_prep.annotation.edges import LEFT, RIGHT, Edges
from data_prep.annotation.phrases import Lexicon, Occurrences, PhraseCounter, Phrases

# A phrase must be an entity so often to say anything about other places.
MIN_COUNT = 3
# What is reported is so surprising; another type more so, because many names have several.
MIN_SURPRISE, MIN_SURPRISE_OF_TYPE = np.log(20), np.log(50)
# Half of a phrase is hardly ever meant: once against four times is enough.
MIN_SURPRISE_OF_PART = np.log(8.9)
# So much of it must come from the counts, because neighbours alone are no evidence: once against three times.
MIN_FROM_COUNTS = np.log(6.9)
# A token says something about the edges of entities if it stands outside of them so often.
MIN_OUTSIDE = 8
# A phrase that is annotated so often is meant.
MEANT = 3
# Words that are seen only once and are longer are not taken for abbreviations.
MAX_ABBREVIATION = 5
# Both ways, because which half is which does not matter.
_PAIRS = (
    *(("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ('"', '"'), ("'", "'"), ("``", "''"), ("\u00ab", "\u00bb")),
    *(("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\u2018", "\u2019")),
)
_PARTNERS: dict[str, set[str]] = {}
for _one, _other in _PAIRS:
    _PARTNERS.setdefault(_one, set()).add(_other)
    _PARTNERS.setdefault(_other, set()).add(_one)


class Slip(NamedTuple):
    """Tokens start .. end - 1 of a block should probably be an entity of this type, and those in `old` should not."""

    kind: str
    surprise: float
    start: int
    end: int
    type_id: int
    # The entities that are there now, by their numbers in the block.
    old: tuple[int, ...]
    # How often the phrase is annotated as suggested, and as here; this place included.
    num_usual: int
    num_here: int


class SlipFinder:
    """Learns from all blocks, three times one after another, and then finds slips in each."""

    def __init__(self, num_types: int, token_V: list[str]) -> None:
        self._counter = PhraseCounter(num_types)
        self._contexts, self._edges = Contexts(num_types, len(token_V)), Edges(token_V)
        self._token_V = token_V
        self.phrases: Phrases
        self._lexicon: Lexicon
        self._blank_P = self._partial_P = np.zeros(0, np.int64)

    def count_entities(self, blocks: Iterator[AnnotatedBlock]) -> None:
        """First."""
        for block in blocks:
            self._counter.add(block)
            self._contexts.add(block)
            self._edges.add(block)
        self._contexts.fix()
        self.phrases = self._counter.phrases()
        self._lexicon = Lexicon(self.phrases, MIN_COUNT, len(self._token_V))

    def learn_phrases(self, blocks: Iterator[AnnotatedBlock]) -> None:
        """Second."""
        for block in blocks:
            self._lexicon.learn(block)
        self._lexicon.fix()

    def count_occurrences(self, blocks: Iterator[AnnotatedBlock]) -> None:
        """Third."""
        num_phrases = len(self.phrases.hash_P)
        self._blank_P, self._partial_P = np.zeros((2, num_phrases), np.int64)
        for block in blocks:
            found = self._lexicon.occurrences(block)
            self._blank_P += np.bincount(found.phrase_K[found.blank(block)], minlength=num_phrases)
            self._partial_P += np.bincount(found.phrase_K[found.partial(block)], minlength=num_phrases)

    def slips(self, block: AnnotatedBlock) -> list[Slip]:
        phrase_E = self.phrases.of_entities(block)
        found = self._lexicon.occurrences(block)
        return [
            *self._blanks(block, found),
            *self._borders(block, found),
            *self._types(block, phrase_E),
            *self._edge_tokens(block, phrase_E),
        ]

    def _blanks(self, block: AnnotatedBlock, found: Occurrences) -> Iterator[Slip]:
        """Phrases that are left blank although they are nearly always entities."""
        at = np.flatnonzero(found.blank(block))
        start_K, end_K, phrase_K = (part[at] for part in found)
        usual_K, here_K = self.phrases.top_count_P[phrase_K], self._blank_P[phrase_K]
        counts_K = _surprise(usual_K, here_K)
        surprise_K = counts_K + self._contexts.evidence_of_entity(block, start_K, end_K)
        for i in np.flatnonzero((surprise_K >= MIN_SURPRISE) & (counts_K >= MIN_FROM_COUNTS)).tolist():
            type_id = int(self.phrases.top_type_P[phrase_K[i]])
            counts = int(usual_K[i]), int(here_K[i])
            yield Slip(
                "inconsistent_phrase", float(surprise_K[i]), int(start_K[i]), int(end_K[i]), type_id, (), *counts
            )

    def _borders(self, block: AnnotatedBlock, found: Occurrences) -> Iterator[Slip]:
        """Phrases of which here only a part is an entity."""
        at = np.flatnonzero(found.partial(block))
        start_K, end_K, phrase_K = (part[at] for part in found)
        usual_K, here_K = self.phrases.top_count_P[phrase_K], self._partial_P[phrase_K]
        surprise_K = _surprise(usual_K, here_K)
        for i in np.flatnonzero(surprise_K >= MIN_SURPRISE_OF_PART).tolist():
            inside = block.entity_M[start_K[i] : end_K[i]]
            old = tuple(np.unique(inside[inside >= 0]).tolist())
            type_id = int(self.phrases.top_type_P[phrase_K[i]])
            counts = int(usual_K[i]), int(here_K[i])
            yield Slip(
                "inconsistent_border", float(surprise_K[i]), int(start_K[i]), int(end_K[i]), type_id, old, *counts
            )

    def _types(self, block: AnnotatedBlock, phrase_E: np.ndarray) -> Iterator[Slip]:
        """Entities that nearly always have another type."""
        start_E, end_E, type_E = block.spans
        top_type_E, usual_E = self.phrases.top_type_P[phrase_E], self.phrases.top_count_P[phrase_E]
        at = np.flatnonzero((top_type_E != type_E) & (usual_E >= MIN_COUNT))
        wanted_K, given_K = top_type_E[at], type_E[at].astype(np.int64)
        here_K = self.phrases.count_with_type(phrase_E[at], given_K)
        counts_K = _surprise(usual_E[at], here_K)
        surprise_K = counts_K + self._contexts.evidence_of_type(block, start_E[at], end_E[at], wanted_K, given_K)
        for i in np.flatnonzero((surprise_K >= MIN_SURPRISE_OF_TYPE) & (counts_K >= MIN_FROM_COUNTS)).tolist():
            e = int(at[i])
            place = int(start_E[e]), int(end_E[e]), int(wanted_K[i])
            yield Slip("inconsistent_type", float(surprise_K[i]), *place, (e,), int(usual_E[e]), int(here_K[i]))

    def _edge_tokens(self, block: AnnotatedBlock, phrase_E: np.ndarray) -> Iterator[Slip]:
        """Entities that begin or end with a token that nearly always stands outside."""
        start_E, end_E, type_E = block.spans
        count_E = np.maximum(self.phrases.count_P[phrase_E], 1)
        for side in (LEFT, RIGHT):
            surprise_E, outside_E = self._edges.surprise(block, side)
            odd = (surprise_E >= MIN_SURPRISE) & (outside_E >= MIN_OUTSIDE) & (count_E < MEANT)
            for e in np.flatnonzero(odd).tolist():
                kind = self._edge_kind(block, int(start_E[e]), int(end_E[e]), side)
                if kind is not None:
                    place = int(start_E[e]) + (side == LEFT), int(end_E[e]) - (side == RIGHT), int(type_E[e])
                    yield Slip(kind, float(surprise_E[e]), *place, (e,), int(outside_E[e]), int(count_E[e]))

    def _edge_kind(self, block: AnnotatedBlock, start: int, end: int, side: int) -> str | None:
        """What is wrong with the outermost token of an entity, if it hardly ever is one; None: nothing."""
        tokens = [self._token_V[token] for token in block.token_M[start:end].tolist()]
        outer_token = int(block.token_M[start if side == LEFT else end - 1])
        outer = self._token_V[outer_token]
        inner = (start + 1, end) if side == LEFT else (start, end - 1)
        num_inner = int(self.phrases.count_P[self.phrases.of_tokens(block, *inner)])
        if any(map(str.isalnum, outer)):
            # Numbers belong to names such as Europe 1.
            is_odd = outer.isalpha() and num_inner >= MEANT and self._edges.is_outside_word(outer_token)
            return "inconsistent_border" if is_odd else None
        if has_partner(tokens) or (outer == "." and not num_inner and self._is_abbreviated(block, end - 2)):
            return None
        return "punctuation_in_entity"

    def _is_abbreviated(self, block: AnnotatedBlock, place: int) -> bool:
        """Whether the full stop after a token may belong to it, as far as its other places show."""
        token = int(block.token_M[place])
        others, before_stop = self._edges.other_places(token)
        return before_stop > others / 2 if others else len(self._token_V[token]) <= MAX_ABBREVIATION


def has_partner(tokens: Sequence[str]) -> bool:
    """Whether the first or last token is a bracket or quotation mark whose other half is among the tokens."""
    first, last = (_PARTNERS.get(token, set()) for token in (tokens[0], tokens[-1]))
    return not first.isdisjoint(tokens[1:]) or not last.isdisjoint(tokens[:-1])


def _surprise(usual_K: np.ndarray, here_K: np.ndarray) -> np.ndarray:
    """How surprising it is that a place is not as usual; here_K counts the place itself."""
    return np.log((usual_K + 0.5) / (np.maximum(here_K - 1, 0) + 0.5))
