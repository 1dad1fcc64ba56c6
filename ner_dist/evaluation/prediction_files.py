"""Predictions of a split as files: CoNLL columns for other scorers, JSON lines with confidences and alternatives.

Axes: T tokens, B sentences, K tags, S predicted entities of a batch, R ranks of the n best readings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ner_dist.atomic_file import whole_file
from ner_dist.contract import tag_schemes
from ner_dist.contract.shard_format import Index, verify_file
from ner_dist.model import crf
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.model.viterbi import n_best


class ConllColumns:
    """`token gold predicted` lines in BIO, a blank line after a sentence."""

    def __init__(self, index: Index) -> None:
        self.index = index
        # By sentence id: gold and predicted tags, (T,) each.
        self.lines: dict[int, Any] = {}

    def observe(self, predicted: DecodedBatch) -> None:
        batch = predicted.batch
        for column, (sentence_id, length) in enumerate(zip(batch.sentence_id_B.tolist(), batch.length_B.tolist())):
            self.lines[sentence_id] = batch.tag_TB[:length, column], predicted.tag_TB[:length, column]

    def text(self, sentence_id: int, tokens: list[str], kept: Any) -> str:
        gold, predicted = (_bio(tag_T, self.index.entity_types) for tag_T in kept)
        # Columns are parted by spaces, so a token has none.
        rows = zip(("_".join(token.split()) or "_" for token in tokens), gold, predicted)
        return "".join(" ".join(row) + "\n" for row in rows) + "\n"


class JsonLines:
    """A JSON object a sentence: id, tokens, gold, entities with confidence, and if asked for the n best readings.

    Confidence is the probability of the entity by the model, whatever the rest of the sentence is: of the CRF, or of
    the tags' softmax over valid sequences. An n-best reading bears the probability of the whole tag sequence.
    """

    def __init__(self, index: Index, num_readings: int) -> None:
        self.index = index
        self._num_readings = num_readings
        self.lines: dict[int, Any] = {}

    def observe(self, predicted: DecodedBatch) -> None:
        batch, scores = predicted.batch, predicted.transition_scores.allowed()
        found = predicted_entities(predicted)
        spans_S = self._described(found.first_S, found.end_S, found.type_S)
        readings: list[list[dict[str, Any]]] = [[] for _ in batch.length_B]
        if self._num_readings:
            readings = self._readings(predicted, scores)
        for column, (sentence_id, length) in enumerate(zip(batch.sentence_id_B.tolist(), batch.length_B.tolist())):
            entities = [
                {**spans_S[i], "confidence": round(float(found.confidence_S[i]), 6)}
                for i in np.flatnonzero(found.sentence_S == column)
            ]
            kept = {"gold": self._entities(batch.tag_TB[:length, column]), "entities": entities}
            self.lines[sentence_id] = {**kept, "n_best": readings[column]} if self._num_readings else kept

    def text(self, sentence_id: int, tokens: list[str], kept: Any) -> str:
        for entity in [*kept["gold"], *kept["entities"]]:
            entity["text"] = " ".join(tokens[entity["start"] : entity["end"]])
        return json.dumps({"id": sentence_id, "tokens": tokens, **kept}, ensure_ascii=False) + "\n"

    def _readings(self, predicted: DecodedBatch, scores: crf.TransitionScores) -> list[list[dict[str, Any]]]:
        """The n best readings of each sentence, with the probability of each."""
        length_B = predicted.batch.length_B
        tag_RTB, score_RB = n_best(predicted.emission_TBK, length_B, scores, self._num_readings)
        probability_RB = np.exp(score_RB - crf.log_partition(predicted.emission_TBK, length_B, scores))
        return [
            [
                {
                    "probability": round(float(probability_RB[rank, column]), 6),
                    "entities": self._entities(tag_RTB[rank, :length, column]),
                }
                for rank in range(self._num_readings)
                if np.isfinite(score_RB[rank, column])
            ]
            for column, length in enumerate(length_B)
        ]

    def _entities(self, tag_T: np.ndarray) -> list[dict[str, Any]]:
        found = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_T), np.arange(len(tag_T)) == 0)
        return self._described(*found)

    def _described(self, start_S: np.ndarray, end_S: np.ndarray, type_S: np.ndarray) -> list[dict[str, Any]]:
        names = self.index.entity_types
        return [
            {"start": start, "end": end, "type": names[kind]}
            for start, end, kind in zip(start_S.tolist(), end_S.tolist(), type_S.tolist())
        ]


def write(path: Path, file: ConllColumns | JsonLines, parts: list[dict[int, Any]], shards: Path, split: str) -> None:
    """Write the lines of all ranks in the split's order, or nothing; texts come from the shards.

    Raises UserError if the file cannot be written.
    """
    index = file.index
    lines = {sentence_id: kept for part in parts for sentence_id, kept in part.items()}
    texts: dict[int, list[str]] = {}
    for entry in index.splits[split]:
        columns = pq.read_table(verify_file(shards, entry), columns=["sentence_id", "text"])
        texts.update(zip(columns["sentence_id"].to_pylist(), columns["text"].to_pylist()))
    with whole_file(path) as target:
        for sentence_id in sorted(lines):
            target.write(file.text(sentence_id, texts[sentence_id], lines[sentence_id]))


def _bio(tag_T: np.ndarray, types: list[str]) -> list[str]:
    """BIO names of valid BILOU ids: L continues, U begins."""
    names = {tag_schemes.O: "", tag_schemes.B: "B-", tag_schemes.U: "B-", tag_schemes.I: "I-", tag_schemes.L: "I-"}
    prefix_T, type_T = tag_schemes.split_ids(tag_T)
    return [names[prefix] + types[kind] if kind >= 0 else "O" for prefix, kind in zip(prefix_T, type_T)]
