"""Finds sentences of a shard set: those with some words in a row, with entities of a type, or both at one place.

Axes: M tokens of the sentences of a row group, W wanted words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import split_ids


class Wanted(NamedTuple):
    """What sentences must have; with both, the words must have a token in an entity of the type."""

    words: list[str]
    type_id: int | None
    ignore_case: bool = False

    def anything(self) -> bool:
        return not self.words and self.type_id is None


class Sentence(NamedTuple):
    sentence_id: int
    texts: list[str]
    tags: list[int]
    # Which tokens are what was asked for.
    hits: list[bool]


class Found(NamedTuple):
    """The first sentences of the corpus that were found, and the number of all."""

    sentences: list[Sentence]
    num_sentences: int


def _groups(directory: Path, index: Index, split: str) -> Iterator[pa.Table]:
    for shard in index.splits[split]:
        with pq.ParquetFile(directory / shard.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=["sentence_id", "length", "text", "tag"])


def _matches(texts: pa.Array, sentence_M: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Where the words begin, all in one sentence: positions."""
    # Only here: importing it is a fifth of the start of any command.
    import pyarrow.compute as pc

    words = [word.lower() for word in wanted.words] if wanted.ignore_case else wanted.words
    if wanted.ignore_case:
        texts = pc.utf8_lower(texts)
    num_starts = len(texts) - len(words) + 1
    if num_starts < 1:
        return np.zeros(0, np.int64)
    begins = sentence_M[:num_starts] == sentence_M[len(words) - 1 :]
    for place, word in enumerate(words):
        begins &= pc.equal(texts.slice(place, num_starts), word).to_numpy(zero_copy_only=False)
    return np.flatnonzero(begins)


def _hits(rows: pa.Table, sentence_M: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Which tokens of a row group are asked for: bool (M,); none if nothing is."""
    _, type_M = split_ids(rows["tag"].combine_chunks().flatten().to_numpy())
    typed_M = type_M == wanted.type_id
    if not wanted.words:
        return typed_M if wanted.type_id is not None else np.zeros(len(type_M), bool)
    hits_M = np.zeros(len(type_M), bool)
    begins = _matches(rows["text"].combine_chunks().flatten(), sentence_M, wanted)
    match_W = begins[:, None] + np.arange(len(wanted.words))
    if wanted.type_id is not None:
        match_W = match_W[typed_M[match_W].any(1)]
    hits_M[match_W.ravel()] = True
    return hits_M


def find(directory: Path, index: Index, split: str, wanted: Wanted, limit: int) -> Found:
    """The first `limit` sentences of a split, in the order of the corpus; no more than these are in memory."""
    found: list[Sentence] = []
    num_found = 0
    for rows in _groups(directory, index, split):
        length_N = rows["length"].to_numpy()
        hits_M = _hits(rows, np.repeat(np.arange(len(length_N)), length_N), wanted)
        start_N = np.cumsum(length_N) - length_N
        chosen = np.arange(len(length_N))
        if not wanted.anything():
            chosen = np.flatnonzero(np.add.reduceat(hits_M.astype(np.int64), start_N))
        num_found += len(chosen)
        # Within a row group they lie in the order of the corpus.
        some = rows.take(pa.array(chosen[:limit])).to_pylist()
        found += [
            Sentence(row["sentence_id"], row["text"], row["tag"], hits_M[start_N[n] :][: row["length"]].tolist())
            for n, row in zip(chosen, some)
        ]
        found = sorted(found)[:limit]
    return Found(found, num_found)


def spellings(directory: Path, index: Index, wanted: Wanted) -> dict[tuple[str, str], int]:
    """How often the words occur, in whatever case, with the type if there is one: by split and spelling."""
    counts: Counter[tuple[str, str]] = Counter()
    wanted = wanted._replace(ignore_case=True)
    for split in index.splits:
        for rows in _groups(directory, index, split):
            length_N = rows["length"].to_numpy()
            sentence_M = np.repeat(np.arange(len(length_N)), length_N)
            texts = rows["text"].combine_chunks().flatten()
            hits_M = _hits(rows, sentence_M, wanted)
            for begin in _matches(texts, sentence_M, wanted).tolist():
                if hits_M[begin]:
                    counts[split, " ".join(texts.slice(begin, len(wanted.words)).to_pylist())] += 1
    return dict(counts.most_common())
