"""The score over characters: an entity is right if its first and last character in the source's text and its type are.

Where gold is character spans, tokens may not express it, and it may have changed the tokens that training sees. Such
sentences are compared as sets of spans, in the raw rows, which are cut as new text is cut; all others by their tags. So
the score is that of `predict` on the raw text. Axes: K entity types, R raw rows, M tokens, E entities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import split_ids, strict_spans
from ner_dist.data.batch import Batch
from ner_dist.data.raw_rows import RawRows, SplitTexts
from ner_dist.evaluation.f1 import Counts, count, with_counts
from ner_dist.evaluation.score_split import ScoredNetwork, decode_batches, score_split
from ner_dist.model.entities import DecodedBatch, concatenate_sentences
from ner_dist.ranks.comm import Comm


class CharacterCounts(NamedTuple):
    """Entities by type, all int64 (K,); they add up over batches and ranks."""

    right: np.ndarray
    predicted: np.ndarray
    gold: np.ndarray

    @classmethod
    def zero(cls, num_types: int) -> CharacterCounts:
        return cls(*np.zeros((3, num_types), np.int64))

    def __add__(self, other: CharacterCounts) -> CharacterCounts:  # type: ignore[override]
        return CharacterCounts(*(mine + yours for mine, yours in zip(self, other)))

    def to_vector(self) -> np.ndarray:
        return np.concatenate(self)

    @classmethod
    def from_vector(cls, vector: np.ndarray) -> CharacterCounts:
        return cls(*vector.reshape(3, -1))


def count_tags(decoded: DecodedBatch, recut: np.ndarray, num_types: int) -> CharacterCounts:
    """The sentences that are not recut, whose tags say exactly what the source does. recut: ids, ascending."""
    batch = decoded.batch
    kept = np.flatnonzero(~np.isin(batch.sentence_id_B, recut))
    if not len(kept):
        return CharacterCounts.zero(num_types)
    gold_M, starts_M = concatenate_sentences(batch.tag_TB[:, kept], batch.length_B[kept])
    predicted_M, _ = concatenate_sentences(decoded.tag_TB[:, kept], batch.length_B[kept])
    spans = count(gold_M, predicted_M, starts_M, num_types).spans
    return CharacterCounts(np.diag(spans)[:-1], spans.sum(0)[:-1], spans.sum(1)[:-1])


def predicted_spans(decoded: DecodedBatch, raw: RawRows) -> np.ndarray:
    """The predicted entities of raw rows, (E, 4) like raw.span_S4."""
    batch = decoded.batch
    row_B, length_B = np.searchsorted(raw.sentence_id_R, batch.sentence_id_B), batch.length_B
    tag_M, starts_M = concatenate_sentences(decoded.tag_TB, length_B)
    found = strict_spans(*split_ids(tag_M), starts_M)
    # Of each of the batch's tokens, its place in raw.start_M.
    first_B = np.cumsum(length_B) - length_B
    token_M = np.arange(len(tag_M)) + np.repeat(raw.offset_R[row_B] - first_B, length_B)
    row_E = np.repeat(row_B, length_B)[found.start_E]
    start_E, end_E = raw.start_M[token_M[found.start_E]], raw.end_M[token_M[found.end_E - 1]]
    return np.column_stack([row_E, start_E, end_E, found.type_E]).astype(np.int64)


def compare_spans(gold_E4: np.ndarray, predicted_E4: np.ndarray, num_types: int) -> CharacterCounts:
    """Row, start, end and type id of each entity, none of them twice on one side."""
    both_E4, times_E = np.unique(np.concatenate([gold_E4, predicted_E4]), axis=0, return_counts=True)
    sides = (both_E4[times_E == 2], predicted_E4, gold_E4)
    return CharacterCounts(*(np.bincount(side_E4[:, 3], minlength=num_types) for side_E4 in sides))


class CharacterTally:
    """Counts of one rank's part of a split while its sentences are scored."""

    def __init__(self, texts: SplitTexts, num_types: int) -> None:
        self.counts = CharacterCounts.zero(num_types)
        self._texts, self._num_types = texts, num_types

    def add(self, decoded: DecodedBatch) -> None:
        """A batch of the split itself."""
        self.counts += count_tags(decoded, self._texts.recut, self._num_types)

    def add_raw_rows(
        self,
        network: ScoredNetwork,
        batch_sentences: int,
        observe: Callable[[DecodedBatch], object] = lambda decoded: None,
    ) -> None:
        """All raw rows at once, in batches of that many sentences. observe: is called with each batch."""
        raw = self._texts.raw
        if raw is None:
            return
        predicted = [np.zeros((0, 4), np.int64)]
        for decoded in decode_batches(network, raw.reader.scoring_batches(batch_sentences)):
            observe(decoded)
            predicted.append(predicted_spans(decoded, raw))
        self.counts += compare_spans(raw.span_S4, np.concatenate(predicted), self._num_types)


def score_with_characters(
    network: ScoredNetwork,
    batches: Iterable[Batch],
    texts: SplitTexts | None,
    num_types: int,
    batch_sentences: int,
    comm: Comm,
    observe: Callable[[DecodedBatch], object] = lambda decoded: None,
    observe_raw: Callable[[DecodedBatch], object] = lambda decoded: None,
) -> tuple[Counts, CharacterCounts | None]:
    """Counts of the whole split over tokens and, where it has texts, over characters; every rank must call it.

    batches, texts: this rank's part. batch_sentences: of the batches of raw rows. observe: is called with each of this
    rank's batches once its tags are predicted; observe_raw likewise with those of raw rows.
    """
    if texts is None:
        return score_split(network, batches, num_types, comm, observe), None
    tally = CharacterTally(texts, num_types)

    def observe_both(decoded: DecodedBatch) -> None:
        observe(decoded)
        tally.add(decoded)

    counts = score_split(network, batches, num_types, comm, observe_both)
    tally.add_raw_rows(network, batch_sentences, observe_raw)
    return counts, CharacterCounts.from_vector(comm.sum_counts(tally.counts.to_vector()))


def character_scores(counts: CharacterCounts, index: Index, split: str) -> dict[str, Any]:
    """As result.json has them: micro scores and their counts, per_type, and how many gold spans fit no tokens."""
    per_type = zip(index.entity_types, *(values.tolist() for values in counts))
    return {
        **with_counts(*(int(values.sum()) for values in counts)),
        "per_type": {name: with_counts(*counts_of_type) for name, *counts_of_type in per_type},
        "inexpressible": sum(index.stats[split]["inexpressible"].values()),
    }
