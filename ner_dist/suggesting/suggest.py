"""The suggestions themselves: candidates of a pool, a choice among them, and what is said of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.prediction.documents import Document
from ner_dist.suggesting.choose import choose
from ner_dist.suggesting.pool import Candidate, Candidates, find_candidates, tokens_of
from ner_dist.suggesting.sketch import Sketcher, greatest_products

# Candidates for each text that is asked for, and at most, beyond those that are asked for.
_CANDIDATES, _MOST = 20, 20_000
# Labelled sentences that candidates are compared with at most, drawn at random, and how many at a time.
_COMPARED, _CHUNK = 50_000, 4096
FIELD = "suggestion"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How many of what, and by what they are chosen."""

    num: int
    unit: str = "sentence"
    measure: str = "probability"
    diversity: float = 0.3
    seed: int = 1


class Suggestions(NamedTuple):
    # The first to be labelled first, each with the field FIELD beside those of its record.
    documents: list[Document]
    pool: Candidates
    # Of those suggested.
    mean_uncertainty: float
    # Entities found in them, each counted by its probability.
    expected_entities: float


def suggest(documents: Iterable[Document], wanted: Wanted, labelled: Sequence[Sequence[str]]) -> Suggestions:
    """The documents of the pool that are most worth labelling. labelled: sentences that are labelled already."""
    most = wanted.num + min(_CANDIDATES * wanted.num, _MOST)
    pool = find_candidates(documents, wanted.unit, wanted.measure, most, labelled, wanted.seed)
    candidates = pool.found
    # Nothing is alike enough to make random choice less random.
    diversity = 0.0 if wanted.measure == "random" else wanted.diversity
    texts = [tokens_of(candidate.document) for candidate in candidates]
    sketcher = Sketcher(texts)
    vector_ND = sketcher.vectors(texts)
    labelled_N = greatest_products(vector_ND, (sketcher.vectors(chunk) for chunk in _chunks(labelled, wanted.seed)))
    uncertainty_N = np.array([candidate.uncertainty for candidate in candidates])
    chosen = []
    for rank, (number, similarity) in enumerate(choose(uncertainty_N, vector_ND, labelled_N, wanted.num, diversity), 1):
        chosen.append((candidates[number], _described(candidates[number], rank, similarity)))
    return Suggestions(
        [document for _, document in chosen],
        pool,
        float(np.mean([candidate.uncertainty for candidate, _ in chosen])) if chosen else 0.0,
        sum(entity.confidence for _, document in chosen for entity in document.entities),
    )


def _chunks(labelled: Sequence[Sequence[str]], seed: int) -> Iterator[list[Sequence[str]]]:
    order: Sequence[int] = range(len(labelled))
    if len(labelled) > _COMPARED:
        order = np.random.default_rng(seed).choice(len(labelled), _COMPARED, replace=False).tolist()
    for begin in range(0, len(order), _CHUNK):
        yield [labelled[number] for number in order[begin : begin + _CHUNK]]


def _described(candidate: Candidate, rank: int, similarity: float) -> Document:
    document = candidate.document
    facts = {
        "rank": rank,
        "score": round(candidate.uncertainty, 6),
        "confidence": round(document.confidence, 6),
        "margin": round(document.margin, 6),
        "similarity": round(similarity, 3),
        "reason": reason(document, similarity),
    }
    others = {**document.others, FIELD: facts}
    return document._replace(others=others)


def reason(document: Document, similarity: float) -> str:
    """Why a text is worth labelling, for whoever labels it."""
    unsure = sorted(document.entities, key=lambda entity: entity.confidence)
    if not unsure:
        found = f"no entity found, and that with {document.confidence:.0%}"
    elif unsure[0].confidence > document.confidence + 0.2:
        found = f"entities may be missing: all of it is right with {document.confidence:.0%}"
    else:
        found = "; ".join(f"{entity.text!r} is {entity.type} with {entity.confidence:.0%}" for entity in unsure[:3])
    return f"{found}; {'like' if similarity >= 0.5 else 'unlike'} what is labelled or comes before ({similarity:.2f})"
