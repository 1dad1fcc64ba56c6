"""Shards -> what a report says of the data: the split that is scored, the training split's words and entities, lengths.

Axes: N sentences of the split, M their tokens laid end to end, E entities, V word ids.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import UNK_ID, Index, read_vocab, verify_file
from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans


class Corpus(NamedTuple):
    """A split in its own order, with what its sources say."""

    split: str
    entity_types: list[str]
    sentence_id_N: np.ndarray
    length_N: np.ndarray
    text_M: list[str]
    word_M: np.ndarray
    gold_M: np.ndarray
    gold: Spans

    @property
    def num_sentences(self) -> int:
        return len(self.length_N)

    @property
    def first_N(self) -> np.ndarray:
        """Where each sentence begins."""
        return np.cumsum(self.length_N) - self.length_N

    @property
    def starts_M(self) -> np.ndarray:
        """Whether a token begins its sentence (bool)."""
        starts_M = np.zeros(len(self.text_M), bool)
        starts_M[self.first_N] = True
        return starts_M

    def sentence_of(self, token: np.ndarray) -> np.ndarray:
        """The sentences that tokens are in, by their places among all M."""
        return np.searchsorted(self.first_N, token, side="right") - 1

    def words_of(self, start: int, end: int) -> str:
        return " ".join(self.text_M[start:end])


class Training(NamedTuple):
    """What the training split has shown."""

    # Whether a word id is that of a word of train, which the unknown word is not (bool).
    known_V: np.ndarray
    # Entities, as their tokens are spelt, and the types they bear there.
    types_of: dict[str, set[int]]


def read_split(shards: Path, index: Index, split: str) -> Corpus:
    """Raises ShardError naming the file and what is wrong with it."""
    table = _read(shards, index, split, ["sentence_id", "length", "word", "tag", "text"]).sort_by("sentence_id")
    length_N = table["length"].to_numpy().astype(np.int64)
    first_N = np.cumsum(length_N) - length_N
    word_M, gold_M = (_values(table, name).to_numpy().astype(np.int64) for name in ("word", "tag"))
    starts_M = np.zeros(len(gold_M), bool)
    starts_M[first_N] = True
    return Corpus(
        split=split,
        entity_types=index.entity_types,
        sentence_id_N=table["sentence_id"].to_numpy(),
        length_N=length_N,
        text_M=_values(table, "text").to_pylist(),
        word_M=word_M,
        gold_M=gold_M,
        gold=strict_spans(*split_ids(gold_M), starts_M),
    )


def read_training(shards: Path, index: Index) -> Training:
    count_V = np.array(read_vocab(shards, index, "word")["counts"], np.int64)
    known_V = (count_V > 0) & (np.arange(len(count_V)) > UNK_ID)
    types_of: dict[str, set[int]] = {}
    if "train" in index.splits:
        train = read_split(shards, index, "train")
        for start, end, kind in zip(*(places.tolist() for places in train.gold)):
            types_of.setdefault(train.words_of(start, end), set()).add(kind)
    return Training(known_V, types_of)


def read_lengths(shards: Path, index: Index) -> dict[str, np.ndarray]:
    """Tokens of each sentence, by split."""
    return {split: _read(shards, index, split, ["length"])["length"].to_numpy() for split in index.splits}


def _read(shards: Path, index: Index, split: str, columns: list[str]) -> pa.Table:
    tables = [pq.read_table(verify_file(shards, entry), columns=columns) for entry in index.splits[split]]
    return pa.concat_tables(tables).combine_chunks()


def _values(table: pa.Table, name: str) -> pa.Array:
    """The lists of a column, one after another."""
    return table[name].combine_chunks().flatten()
