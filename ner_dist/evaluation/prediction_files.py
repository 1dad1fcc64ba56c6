"""Predictions of a split as files: CoNLL columns for other scorers, JSON lines with confidences and alternatives.

Axes: T tokens, B sentences, K tags, S entities of a batch, R alternatives, the most likely first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ner_dist.contract import tag_schemes
from ner_dist.contract.column_text import distinct_types, without_space
from ner_dist.contract.shard_format import TEXT_COLUMNS, Index
from ner_dist.contract.shard_tables import read_shard
from ner_dist.model import crf
from ner_dist.model.entities import (
    DecodedBatch,
    Entities,
    blank_probabilities,
    predicted_entities,
    tagged_entities,
)
from ner_dist.model.viterbi import n_best
from ner_dist.stores.named_files import Place, whole_text


class ConllColumns:
    """`token gold predicted` lines in BIO, and a blank line after each sentence; white space becomes underscores.

    Types stay distinct: see distinct_types.
    """

    # Columns of the shards that `text` needs.
    columns = ("text",)

    def __init__(self, index: Index) -> None:
        self.index = index
        # Columns are separated by spaces, so neither tokens nor types must contain any.
        self._types = list(distinct_types(index.entity_types).values())
        # By sentence id: gold and predicted tags, (T,) each.
        self.lines: dict[int, Any] = {}

    def observe(self, decoded: DecodedBatch) -> None:
        batch = decoded.batch
        for column, (sentence_id, length) in enumerate(zip(batch.sentence_id_B.tolist(), batch.length_B.tolist())):
            self.lines[sentence_id] = batch.tag_TB[:length, column], decoded.tag_TB[:length, column]

    def text(self, row: dict[str, Any], kept: Any) -> str:
        gold, predicted = (_bio(tag_T, self._types) for tag_T in kept)
        rows = zip(map(without_space, row["text"]), gold, predicted)
        return "".join(" ".join(row) + "\n" for row in rows) + "\n"


class JsonLines:
    """A JSON object for each sentence: id, place, tokens, gold, entities with confidence, and the n best if asked.

    The place is source (a file), line, record and document; where there is text, also the sentence's part of the
    record's text, where it begins there, and where each token does. Entities count in tokens. Confidence is the model's
    marginal probability of the entity, predicted or gold, over all tag sequences of the sentence: by the CRF, or by the
    tags' softmax over valid sequences; `blank` is the probability that none of its tokens is in any entity. Each of the
    n best has the probability of the whole sequence.
    """

    def __init__(self, index: Index, num_best: int) -> None:
        self.index = index
        self._num_best = num_best
        texts = TEXT_COLUMNS[:-1] if index.has_text else ()
        self.columns = ("text", "source", "line", "record", "document", *texts)
        self.lines: dict[int, Any] = {}

    def observe(self, decoded: DecodedBatch) -> None:
        batch = decoded.batch
        predicted, gold = predicted_entities(decoded), tagged_entities(decoded, batch.tag_TB)
        predicted_by_B, gold_by_B = self._by_sentence(decoded, predicted), self._by_sentence(decoded, gold)
        best = self._n_best(decoded) if self._num_best else []
        for column, sentence_id in enumerate(batch.sentence_id_B.tolist()):
            kept = {"gold": gold_by_B[column], "entities": predicted_by_B[column]}
            self.lines[sentence_id] = {**kept, "n_best": best[column]} if self._num_best else kept

    def text(self, row: dict[str, Any], kept: Any) -> str:
        tokens = row["text"]
        for entity in [*kept["gold"], *kept["entities"]]:
            entity["text"] = " ".join(tokens[entity["start"] : entity["end"]])
        place = {"source": self.index.sources[row["source"]]["name"], "line": row["line"]}
        place.update({name: row[name] for name in ("record", "document") if row[name]})
        record = {"id": row["sentence_id"], **place, "tokens": tokens}
        # A corpus may have texts in some of its files only.
        if row.get("start"):
            record.update(text=row["source_text"], text_start=row["text_start"], starts=row["start"])
        return json.dumps({**record, **kept}, ensure_ascii=False) + "\n"

    def _n_best(self, decoded: DecodedBatch) -> list[list[dict[str, Any]]]:
        (emission_TBK, scores), length_B = decoded.scaled(), decoded.batch.length_B
        tag_RTB, score_RB = n_best(emission_TBK, length_B, scores, self._num_best)
        probability_RB = np.exp(score_RB - crf.log_partition(emission_TBK, length_B, scores))
        return [
            [
                {
                    "probability": round(float(probability_RB[best, column]), 6),
                    "entities": self._entities(tag_RTB[best, :length, column]),
                }
                for best in range(self._num_best)
                if np.isfinite(score_RB[best, column])
            ]
            for column, length in enumerate(length_B)
        ]

    def _by_sentence(self, decoded: DecodedBatch, found: Entities) -> list[list[dict[str, Any]]]:
        """The entities of each sentence with their probabilities."""
        by_B: list[list[dict[str, Any]]] = [[] for _ in decoded.batch.length_B]
        described_S = self._described(found.first_S, found.end_S, found.type_S)
        probability_S2 = np.stack([found.confidence_S, blank_probabilities(decoded, found)], 1).round(6)
        for sentence, described, (confidence, blank) in zip(
            found.sentence_S.tolist(), described_S, probability_S2.tolist()
        ):
            by_B[sentence].append({**described, "confidence": confidence, "blank": blank})
        return by_B

    def _entities(self, tag_T: np.ndarray) -> list[dict[str, Any]]:
        found = tag_schemes.entity_spans(*tag_schemes.split_ids(tag_T), np.arange(len(tag_T)) == 0)
        return self._described(*found)

    def _described(self, start_S: np.ndarray, end_S: np.ndarray, type_S: np.ndarray) -> list[dict[str, Any]]:
        names = self.index.entity_types
        return [
            {"start": start, "end": end, "type": names[kind]}
            for start, end, kind in zip(start_S.tolist(), end_S.tolist(), type_S.tolist())
        ]


def write(place: Place, file: ConllColumns | JsonLines, parts: list[dict[int, Any]], shards: Path, split: str) -> None:
    """Write all ranks' lines in the split's order, with tokens from the shards. Raises UserError if it cannot."""
    index = file.index
    lines = {sentence_id: kept for part in parts for sentence_id, kept in part.items()}
    rows: dict[int, dict[str, Any]] = {}
    for entry in index.splits[split]:
        table = read_shard(shards, index, entry, ["sentence_id", *file.columns])
        rows.update((row["sentence_id"], row) for row in table.to_pylist())
    with whole_text(place) as target:
        for sentence_id in sorted(lines):
            target.write(file.text(rows[sentence_id], lines[sentence_id]))


def _bio(tag_T: np.ndarray, types: list[str]) -> list[str]:
    """The BIO names of valid BILOU ids."""
    names = {tag_schemes.O: "", tag_schemes.B: "B-", tag_schemes.U: "B-", tag_schemes.I: "I-", tag_schemes.L: "I-"}
    prefix_T, type_T = tag_schemes.split_ids(tag_T)
    return [names[prefix] + types[kind] if kind >= 0 else "O" for prefix, kind in zip(prefix_T, type_T)]
