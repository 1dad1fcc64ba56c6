"""Shards -> what a report says about the data: the split to score, words and entities of train, sentence lengths.

Axes: N sentences of the split, M their tokens end to end, E entities, V word ids.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ner_dist.contract.shard_format import UNK_ID, Index, read_vocab
from ner_dist.contract.shard_tables import read_shard
from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans


class GoldSplit(NamedTuple):
    """A split in the order of its corpus, as annotated."""

    entity_types: list[str]
    sentence_id_N: np.ndarray
    # Where each sentence is: a file, by its number in files, and there a line or the number of a record.
    source_N: np.ndarray
    line_N: np.ndarray
    files: list[str]
    length_N: np.ndarray
    text_M: list[str]
    word_M: np.ndarray
    gold_M: np.ndarray
    gold: Spans
    # Whether a token is the first of its sentence (bool).
    starts_M: np.ndarray

    @property
    def num_sentences(self) -> int:
        return len(self.length_N)

    @property
    def first_N(self) -> np.ndarray:
        """The first token of each sentence."""
        return np.cumsum(self.length_N) - self.length_N

    def sentence_of(self, token: np.ndarray) -> np.ndarray:
        """The sentences of tokens, given by their places among all M."""
        return np.searchsorted(self.first_N, token, side="right") - 1

    def sentence_around(self, token: int) -> tuple[int, int]:
        """The first token of a token's sentence, and the one behind its last."""
        sentence = self.sentence_of(np.array(token))
        first = int(self.first_N[sentence])
        return first, first + int(self.length_N[sentence])

    def words_of(self, start: int, end: int) -> str:
        return " ".join(self.text_M[start:end])

    def place_of(self, sentence: int) -> str:
        """FILE:LINE"""
        return f"{self.files[self.source_N[sentence]]}:{self.line_N[sentence]}"

    def is_same_as(self, other: GoldSplit) -> bool:
        """Whether the tokens and the entities are the same, though types may have other ids."""
        return (
            self.text_M == other.text_M
            and np.array_equal(self.length_N, other.length_N)
            and np.array_equal(self.gold.start_E, other.gold.start_E)
            and np.array_equal(self.gold.end_E, other.gold.end_E)
            and [self.entity_types[i] for i in self.gold.type_E] == [other.entity_types[i] for i in other.gold.type_E]
        )


class SeenInTraining(NamedTuple):
    # Whether a word id has a word of train, unlike the UNK id (bool).
    known_V: np.ndarray
    # Entities as spelled in train -> their types there; None if train is not there.
    types_of: dict[str, set[int]] | None


def read_gold_split(shards: Path, index: Index, split: str) -> GoldSplit:
    """Raises ShardError naming the file and what is wrong with it."""
    columns = ["sentence_id", "length", "source", "line", "word", "tag", "text"]
    table = _read(shards, index, split, columns).sort_by("sentence_id")
    length_N = table["length"].to_numpy().astype(np.int64)
    # The lists end to end.
    word_M, gold_M, text_M = (table[name].combine_chunks().flatten() for name in ("word", "tag", "text"))
    gold_M = gold_M.to_numpy().astype(np.int64)
    starts_M = np.isin(np.arange(len(gold_M)), np.cumsum(length_N) - length_N)
    return GoldSplit(
        entity_types=index.entity_types,
        sentence_id_N=table["sentence_id"].to_numpy(),
        source_N=table["source"].to_numpy(),
        line_N=table["line"].to_numpy(),
        files=[source["name"] for source in index.sources],
        length_N=length_N,
        text_M=text_M.to_pylist(),
        word_M=word_M.to_numpy().astype(np.int64),
        gold_M=gold_M,
        gold=strict_spans(*split_ids(gold_M), starts_M),
        starts_M=starts_M,
    )


def read_seen_in_training(shards: Path, index: Index) -> SeenInTraining:
    """shards: those that the model was trained on, with this index."""
    count_V = np.array(read_vocab(shards, index, "word")["counts"], np.int64)
    known_V = (count_V > 0) & (np.arange(len(count_V)) > UNK_ID)
    types_of: dict[str, set[int]] = {}
    if "train" in index.splits:
        train = read_gold_split(shards, index, "train")
        for start, end, type_id in zip(*(places.tolist() for places in train.gold)):
            types_of.setdefault(train.words_of(start, end), set()).add(type_id)
    return SeenInTraining(known_V, types_of)


def seen_by_ids(index: Index) -> SeenInTraining:
    """What a vocabulary tells of train if train is not there: its words, but for those of pretrained vectors alone."""
    id_V = np.arange(index.vocab["word"].num_values)
    first_unseen = len(id_V) if index.vectors is None else index.vectors.first_unseen
    return SeenInTraining((id_V > UNK_ID) & (id_V < first_unseen), None)


def read_raw_places(shards: Path, index: Index, split: str, sentence_id_R: np.ndarray) -> np.ndarray:
    """File and record of these raw rows, int64 (R, 2)."""
    raw = dataclasses.replace(index, splits=index.raw)
    table = _read(shards, raw, split, ["sentence_id", "source", "line"]).sort_by("sentence_id")
    row_R = np.searchsorted(table["sentence_id"].to_numpy(), sentence_id_R)
    return np.column_stack([table[name].to_numpy().astype(np.int64)[row_R] for name in ("source", "line")])


def read_lengths(shards: Path, index: Index) -> dict[str, np.ndarray]:
    """Tokens of each sentence, by split."""
    return {split: _read(shards, index, split, ["length"])["length"].to_numpy() for split in index.splits}


def _read(shards: Path, index: Index, split: str, columns: list[str]) -> pa.Table:
    return pa.concat_tables([read_shard(shards, index, entry, columns) for entry in index.splits[split]])
