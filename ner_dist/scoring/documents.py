"""Right, predicted and gold entities of each document: where a model does worst.

Axes: B sentences of a batch, M their tokens, G gold and P predicted entities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ner_dist.contract.shard_format import Index
from ner_dist.contract.shard_tables import read_shard
from ner_dist.contract.tag_schemes import split_ids, strict_spans
from ner_dist.evaluation.f1 import with_counts
from ner_dist.model.entities import DecodedBatch, concatenate_sentences


class SentenceCounts:
    """Right, predicted and gold entities of each sentence; over all sentences they add up to the counts of `entity`."""

    def __init__(self) -> None:
        # By sentence id.
        self.lines: dict[int, Any] = {}

    def observe(self, decoded: DecodedBatch) -> None:
        batch = decoded.batch
        counts_B3 = count_sentences(batch.tag_TB, decoded.tag_TB, batch.length_B)
        self.lines.update(zip(batch.sentence_id_B.tolist(), counts_B3.tolist()))


def count_sentences(gold_TB: np.ndarray, predicted_TB: np.ndarray, length_B: np.ndarray) -> np.ndarray:
    """Right, predicted and gold entities of each sentence of a batch: int64 (B, 3)."""
    gold_M, starts_M = concatenate_sentences(gold_TB, length_B)
    predicted_M, _ = concatenate_sentences(predicted_TB, length_B)
    gold, predicted = (strict_spans(*split_ids(tag_M), starts_M) for tag_M in (gold_M, predicted_M))
    # By first token, at which no two entities of one tag sequence begin; 0 is no end.
    end_M, type_M = np.zeros((2, len(gold_M)), np.int64)
    end_M[gold.start_E], type_M[gold.start_E] = gold.end_E, gold.type_E
    right_P = (end_M[predicted.start_E] == predicted.end_E) & (type_M[predicted.start_E] == predicted.type_E)
    end_B, size = np.cumsum(length_B), len(length_B)
    sentence_G, sentence_P = (np.searchsorted(end_B, spans.start_E, side="right") for spans in (gold, predicted))
    counts_3B = [np.bincount(found, minlength=size) for found in (sentence_P[right_P], sentence_P, sentence_G)]
    return np.stack(counts_3B, 1).astype(np.int64)


def by_document(
    counts: dict[int, list[int]], index: Index, shards: Path, split: str
) -> dict[str, dict[str, float | int]]:
    """Scores of each document, in the order of the corpus; none if it names no documents and is one file.

    counts: of each sentence by its id. Raises ShardError.
    """
    names = _names(index, shards, split)
    sums: dict[str, list[int]] = {}
    for sentence_id in sorted(names):
        total = sums.setdefault(names[sentence_id], [0, 0, 0])
        for i, number in enumerate(counts[sentence_id]):
            total[i] += number
    return {} if list(sums) == [""] else {name: with_counts(*total) for name, total in sums.items()}


def worst(documents: dict[str, dict[str, Any]], number: int) -> list[str]:
    """The names of those with the most mistakes: entities missed and entities predicted wrongly."""
    mistakes = {name: found["gold"] + found["predicted"] - 2 * found["right"] for name, found in documents.items()}
    return sorted((name for name in documents if mistakes[name]), key=lambda name: -mistakes[name])[:number]


def _names(index: Index, shards: Path, split: str) -> dict[int, str]:
    """The document of each sentence; its file, if no sentence of that names one and there are several files."""
    rows: list[tuple[int, int, str]] = []
    for entry in index.splits[split]:
        table = read_shard(shards, index, entry, ["sentence_id", "source", "document"])
        rows += zip(*(table[name].to_pylist() for name in ("sentence_id", "source", "document")))
    files = [source["name"] for source in index.sources]
    if len({source for _, source, _ in rows}) < 2:
        return {sentence_id: document for sentence_id, _, document in rows}
    return {
        sentence_id: f"{files[source]}: {document}" if document else files[source]
        for sentence_id, source, document in rows
    }
