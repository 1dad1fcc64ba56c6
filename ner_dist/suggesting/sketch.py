"""Texts as vectors whose products say how alike they are: words and their character trigrams, hashed to few numbers.

A feature goes to one of D places with a sign (Weinberger et al. 2009, feature hashing), so that products are those of
the sparse vectors but for noise of about 1 / sqrt(D). Rare words weigh more (TF-IDF).

Axes: N texts, D places.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

PLACES = 512
# What a word's trigrams weigh together; the word itself weighs 1.
_TRIGRAMS = 0.5
_CACHED_WORDS = 1 << 17


class Sketcher:
    """Makes vectors of texts. How rare words are is counted in the texts that it is made with."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        counts = Counter(word for text in texts for word in {token.lower() for token in text})
        self._weight = {word: self._rarity(len(texts), count) for word, count in counts.items()}
        self._unseen = self._rarity(len(texts), 0)

    @staticmethod
    def _rarity(num_texts: int, count: int) -> float:
        return math.log((1 + num_texts) / (1 + count)) + 1e-3

    def vectors(self, texts: Iterable[Sequence[str]]) -> np.ndarray:
        """float32 (N, D), of length 1, or 0 for a text without tokens. texts: their tokens."""
        found = [self._vector(text) for text in texts]
        return np.stack(found) if found else np.zeros((0, PLACES), np.float32)

    def _vector(self, text: Sequence[str]) -> np.ndarray:
        places, values = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for word, count in Counter(token.lower() for token in text).items():
            of_word = _features(word)
            places.append(of_word[0])
            # A word that is repeated says little more than the first time.
            values.append(of_word[1] * (self._weight.get(word, self._unseen) * (1 + math.log(count))))
        vector = np.bincount(np.concatenate(places), np.concatenate(values), PLACES)
        norm = float(np.linalg.norm(vector))
        return (vector / norm if norm else vector).astype(np.float32)


@lru_cache(_CACHED_WORDS)
def _features(word: str) -> tuple[np.ndarray, np.ndarray]:
    """The places of a word's features, and the value at each."""
    padded = f"^{word}$"
    trigrams = [padded[i : i + 3] for i in range(len(padded) - 2)]
    hash_F = np.array([zlib.crc32(f.encode("utf-8", "replace")) for f in (f"w {word}", *trigrams)], np.int64)
    value_F = np.where(hash_F & PLACES, 1.0, -1.0).astype(np.float32)
    value_F[1:] *= _TRIGRAMS / math.sqrt(len(trigrams))
    return hash_F % PLACES, value_F


def greatest_products(vector_ND: np.ndarray, others: Iterable[np.ndarray]) -> np.ndarray:
    """How alike each text and the most similar of the others are: float32 (N,), 0 or more.

    others: vectors in portions, so that not all of them are in memory.
    """
    greatest_N = np.zeros(len(vector_ND), np.float32)
    for other_MD in others:
        if len(other_MD) and len(vector_ND):
            greatest_N = np.maximum(greatest_N, (vector_ND @ other_MD.T).max(1))
    return greatest_N
