"""The phrases that are entities somewhere, how often with which type, and where else they occur.

Memory: a few numbers for each distinct phrase. Axes: M tokens of a block, E entities, P phrases, Q pairs of a phrase
and a type, K places, V distinct tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_prep.annotation.annotated_block import MAX_PHRASE, AnnotatedBlock, extend_hash, phrase_hashes, sums_over

# Pairs that are counted together before they are added to the others.
MAX_PENDING = 1 << 18


class Phrases(NamedTuple):
    """P phrases, ordered by hash; and Q pairs of a phrase and a type, ordered by phrase.

    What is counted has one more place, which -1 finds: that of no phrase, which never occurs.
    """

    hash_P: np.ndarray
    # How often it is an entity, and with its most frequent type.
    count_P: np.ndarray
    top_type_P: np.ndarray
    top_count_P: np.ndarray
    # Of each pair: number of its phrase * number of types + type; ascending.
    pair_Q: np.ndarray
    count_Q: np.ndarray
    num_types: int

    def find(self, hash_K: np.ndarray) -> np.ndarray:
        """The number of each phrase; -1 if it is none."""
        return _find(self.hash_P, hash_K)

    def count_with_type(self, phrase_K: np.ndarray, type_K: np.ndarray) -> np.ndarray:
        pair_K = _find(self.pair_Q, phrase_K * self.num_types + type_K)
        return self.count_Q[pair_K]

    def of_entities(self, block: AnnotatedBlock) -> np.ndarray:
        """The phrase of each entity, -1 of those that are too long: (E,)."""
        start_E, end_E, _ = block.spans
        phrase_E = self.find(phrase_hashes(block.token_M, start_E, end_E - start_E)[-1])
        return np.where(end_E - start_E <= MAX_PHRASE, phrase_E, -1)

    def of_tokens(self, block: AnnotatedBlock, start: int, end: int) -> int:
        """The phrase of tokens start .. end - 1, -1 if it is none."""
        if end - start > MAX_PHRASE:
            return -1
        return int(self.find(phrase_hashes(block.token_M, np.array([start]), np.array([end - start]))[-1])[0])


def _find(sorted_A: np.ndarray, value_K: np.ndarray) -> np.ndarray:
    if not len(sorted_A):
        return np.full(len(value_K), -1)
    place_K = np.minimum(np.searchsorted(sorted_A, value_K), len(sorted_A) - 1)
    return np.where(sorted_A[place_K] == value_K, place_K, -1)


class PhraseCounter:
    """Counts the entities of one block after another."""

    def __init__(self, num_types: int) -> None:
        self.num_types = num_types
        self._hash_Q, self._type_Q, self._count_Q = np.zeros(0, np.uint64), *np.zeros((2, 0), np.int64)
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, block: AnnotatedBlock) -> None:
        start_E, end_E, type_E = block.spans
        short = np.flatnonzero(end_E - start_E <= MAX_PHRASE)
        hash_E = phrase_hashes(block.token_M, start_E[short], (end_E - start_E)[short])[-1]
        self._pending.append((hash_E, type_E[short].astype(np.int64)))
        if sum(len(hash_E) for hash_E, _ in self._pending) > MAX_PENDING:
            self._merge()

    def _merge(self) -> None:
        hash_A = np.concatenate([self._hash_Q, *(hash_E for hash_E, _ in self._pending)])
        type_A = np.concatenate([self._type_Q, *(type_E for _, type_E in self._pending)])
        count_A = np.append(self._count_Q, np.ones(len(hash_A) - len(self._count_Q), np.int64))
        order = np.lexsort((type_A, hash_A))
        hash_A, type_A, count_A = hash_A[order], type_A[order], count_A[order]
        first = np.flatnonzero(
            np.append(True, (hash_A[1:] != hash_A[:-1]) | (type_A[1:] != type_A[:-1]))[: len(hash_A)]
        )
        self._hash_Q, self._type_Q = hash_A[first], type_A[first]
        self._count_Q = np.add.reduceat(count_A, first) if len(first) else count_A
        self._pending = []

    def phrases(self) -> Phrases:
        self._merge()
        hash_P, first_P = np.unique(self._hash_Q, return_index=True)
        phrase_Q = np.searchsorted(hash_P, self._hash_Q)
        count_P = np.bincount(phrase_Q, self._count_Q, len(hash_P)).astype(np.int64)
        # Of each phrase the pair with the highest count comes first, of equal ones the lower type.
        order = np.lexsort((self._type_Q, -self._count_Q, phrase_Q))
        top_P = order[first_P]
        pair_Q = phrase_Q * self.num_types + self._type_Q
        return Phrases(
            hash_P,
            np.append(count_P, 0),
            np.append(self._type_Q[top_P], -1),
            np.append(self._count_Q[top_P], 0),
            pair_Q,
            np.append(self._count_Q, 0),
            self.num_types,
        )


class Lexicon:
    """Phrases to look for in the text: those that are entities several times."""

    def __init__(self, phrases: Phrases, min_count: int, num_tokens: int) -> None:
        """min_count: above 0."""
        self.phrases = phrases
        self._is_wanted_P = phrases.count_P >= min_count
        self._is_first_V = np.zeros(num_tokens, bool)
        self._prefixes = np.zeros(0, np.uint64)
        self._found: list[np.ndarray] = []

    def learn(self, block: AnnotatedBlock) -> None:
        """The beginnings of the wanted phrases that are entities of this block."""
        start_E, end_E, _ = block.spans
        phrase_E = self.phrases.of_entities(block)
        wanted = np.flatnonzero(self._is_wanted_P[phrase_E])
        self._is_first_V[block.token_M[start_E[wanted]]] = True
        hashes = phrase_hashes(block.token_M, start_E[wanted], (end_E - start_E)[wanted])
        self._found += [np.unique(np.concatenate(hashes))] if len(wanted) else []
        if sum(map(len, self._found)) > MAX_PENDING:
            self.fix()

    def fix(self) -> None:
        """Everything is learnt."""
        self._prefixes = np.unique(np.concatenate([self._prefixes, *self._found]))
        self._found = []

    def occurrences(self, block: AnnotatedBlock) -> Occurrences:
        """Where the phrases occur, annotated or not; none that is a part of a longer one's place."""
        start_K = np.flatnonzero(self._is_first_V[block.token_M])
        hash_K = np.zeros(len(start_K), np.uint64)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for length in range(1, MAX_PHRASE + 1):
            end_K = start_K + length
            fits = end_K <= len(block.token_M)
            fits[fits] = block.sentence_M[end_K[fits] - 1] == block.sentence_M[start_K[fits]]
            start_K, hash_K = start_K[fits], hash_K[fits]
            hash_K = extend_hash(hash_K, block.token_M[start_K + length - 1])
            phrase_K = self.phrases.find(hash_K)
            hit = np.flatnonzero(self._is_wanted_P[phrase_K])
            found.append((start_K[hit], start_K[hit] + length, phrase_K[hit]))
            going_on = _find(self._prefixes, hash_K) >= 0
            start_K, hash_K = start_K[going_on], hash_K[going_on]
        start_K, end_K, phrase_K = (np.concatenate(parts) for parts in zip(*found))
        order = np.lexsort((-end_K, start_K))
        start_K, end_K, phrase_K = start_K[order], end_K[order], phrase_K[order]
        # What begins later and ends no later than another one is a part of it.
        reach_K = np.append(0, np.maximum.accumulate(end_K)[:-1]) if len(end_K) else end_K
        whole = end_K > reach_K
        return Occurrences(start_K[whole], end_K[whole], phrase_K[whole])


class Occurrences(NamedTuple):
    """Tokens start .. end - 1 of a block are a phrase."""

    start_K: np.ndarray
    end_K: np.ndarray
    phrase_K: np.ndarray

    def blank(self, block: AnnotatedBlock) -> np.ndarray:
        """Whether no token there is in an entity: bool (K,)."""
        return sums_over(block.entity_M >= 0, self.start_K, self.end_K) == 0

    def partial(self, block: AnnotatedBlock) -> np.ndarray:
        """Whether there are entities, each of them shorter than the phrase and inside of it: bool (K,)."""
        first_K, last_K = block.entity_M[self.start_K], block.entity_M[self.end_K - 1]
        start_E, end_E = np.append(block.spans.start_E, -1), np.append(block.spans.end_E, -1)
        reaches_out_K = ((first_K >= 0) & (start_E[first_K] < self.start_K)) | (end_E[last_K] > self.end_K)
        is_whole_K = (first_K >= 0) & (first_K == last_K)
        return ~self.blank(block) & ~reaches_out_K & ~is_whole_K
