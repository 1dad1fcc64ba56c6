"""A pool of tagged documents -> the candidates: its most uncertain sentences or documents, each text once.

However many there are, no more than a bounded number of them is in memory.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.prediction.documents import Document
from ner_dist.suggesting.uncertainty import uncertainty

UNITS = ("sentence", "document")
# The field that says which sentence of its record a text is.
PART = "part"


class Candidate(NamedTuple):
    uncertainty: float
    # Its place in the pool.
    number: int
    document: Document


class Candidates(NamedTuple):
    # In the order of the pool.
    found: list[Candidate]
    # Of the whole pool: units with tokens; copies of an earlier one; copies of a text that is labelled.
    num_units: int
    num_copies: int
    num_labelled: int
    # Over all the others.
    mean_uncertainty: float

    @property
    def num_free(self) -> int:
        """Those that may be labelled."""
        return self.num_units - self.num_copies - self.num_labelled


class _TextSet:
    """Texts by their tokens, as hashes of 8 bytes."""

    def __init__(self, texts: Iterable[Sequence[str]] = ()) -> None:
        self._hashes = set(map(self._hash, texts))

    @staticmethod
    def _hash(tokens: Sequence[str]) -> bytes:
        return hashlib.blake2b("\n".join(tokens).encode("utf-8", "replace"), digest_size=8).digest()

    def add(self, tokens: Sequence[str]) -> bool:
        """Whether it was not there before."""
        before = len(self._hashes)
        self._hashes.add(self._hash(tokens))
        return len(self._hashes) > before

    def __contains__(self, tokens: Sequence[str]) -> bool:
        return self._hash(tokens) in self._hashes


def find_candidates(
    documents: Iterable[Document], unit: str, measure: str, most: int, labelled: Iterable[Sequence[str]], seed: int
) -> Candidates:
    """The `most` candidates of which the model is least sure.

    documents: tagged. unit: one of UNITS. measure: one of MEASURES. labelled: sentences of tokens.
    """
    known, seen = _TextSet(labelled), _TextSet()
    rng = np.random.default_rng(seed)
    # The least uncertain first; of equal ones the last.
    heap: list[tuple[float, int, Document]] = []
    num_units = num_copies = num_labelled = num_free = 0
    total = 0.0
    for number, document in enumerate(_units(documents, unit)):
        num_units += 1
        if not seen.add(tokens_of(document)):
            num_copies += 1
        elif all(sentence.tokens in known for sentence in document.sentences if sentence.tokens):
            num_labelled += 1
        else:
            value = uncertainty(document, measure, rng)
            num_free, total = num_free + 1, total + value
            (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, (value, -number, document))
    found = sorted((Candidate(value, -number, document) for value, number, document in heap), key=lambda c: c.number)
    return Candidates(found, num_units, num_copies, num_labelled, total / max(num_free, 1))


def tokens_of(document: Document) -> list[str]:
    return [token for sentence in document.sentences for token in sentence.tokens]


def _units(documents: Iterable[Document], unit: str) -> Iterator[Document]:
    """What is labelled as one, without what has no tokens."""
    for document in documents:
        if not document.num_tokens:
            continue
        if unit == "document" or len(document.sentences) == 1:
            yield document
        else:
            yield from sentences_of(document)


def sentences_of(document: Document) -> Iterator[Document]:
    """Each sentence that has tokens as a document of its own, with the other fields of the record and its place there.

    Its text is from its first token to its last.
    """
    for number, sentence in enumerate(document.sentences):
        if not sentence.tokens:
            continue
        begin, end = sentence.starts[0], sentence.ends[-1]
        moved = sentence._replace(
            starts=[start - begin for start in sentence.starts], ends=[stop - begin for stop in sentence.ends]
        )
        entities = [
            entity._replace(start=entity.start - begin, end=entity.end - begin, sentence=0)
            for entity in document.entities
            if entity.sentence == number
        ]
        place = {"sentence": number, "start": begin}
        others = {**document.others, PART: place}
        yield Document(document.text[begin:end], [moved], entities, document.offset + begin, others)
