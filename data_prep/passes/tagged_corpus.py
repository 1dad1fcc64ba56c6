"""A corpus after the second pass: parts with BILOU ids and splits on disk, and all counts of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.passes.carried import Carried
from data_prep.passes.chunk_file import read_fields
from data_prep.passes.id_corpus import IdCorpus
from data_prep.sentences.block import SentenceIds, add_counts


class TaggedChunk(NamedTuple):
    """N sentences of M tokens in this pass's file."""

    # [number of the source].
    source: np.ndarray
    token_M: np.ndarray
    # BILOU ids.
    tag_M: np.ndarray
    length_N: np.ndarray
    # The split's id; that of its raw sentences follows after all splits'.
    split_N: np.ndarray
    # Line of the first token of each sentence, and how many lines after it each token is.
    line_N: np.ndarray
    lines_after_M: np.ndarray
    # As in ReadChunk.
    document_N: np.ndarray
    recut_N: np.ndarray
    origin_place_N: np.ndarray
    origin_size_N: np.ndarray
    feature_FM: list[np.ndarray]

    @property
    def line_M(self) -> np.ndarray:
        """Line of each token."""
        return np.repeat(self.line_N, self.length_N) + self.lines_after_M


class TaggedCounts:
    """Counts of sentences, of one part or several: S splits, K BILOU tags. Those of distinct tokens stay with the part.

    They are of what is trained on and scored by tokens; raw sentences count in raw_SL alone.
    """

    def __init__(self, num_splits: int, num_tags: int, features: dict[str, int]) -> None:
        """features: how many values each token feature has."""
        self.tag_SK = np.zeros((num_splits, num_tags), np.int64)
        # Of each value of each feature.
        self.features = {name: np.zeros((num_splits, size), np.int64) for name, size in features.items()}
        # Sentences of each length, from 0 to the longest; and raw ones.
        self.length_SL = np.zeros((num_splits, 1), np.int64)
        self.raw_SL = np.zeros((num_splits, 1), np.int64)
        self.documents_S = np.zeros(num_splits, np.int64)
        # By split: whether its sentences have texts; and of each type the entities that raw tokens do not express.
        self.has_text_S = np.zeros(num_splits, bool)
        self.inexpressible: list[Counter[str]] = [Counter() for _ in range(num_splits)]
        # Length and place of the longest sentence of each split.
        self.longest = [(0, "")] * num_splits
        # Place of the first token with this (split id, type id).
        self.first_seen: dict[tuple[int, int], str] = {}

    def add(self, block: SentenceIds, split_N: np.ndarray, path: str) -> None:
        """Count a block of the file `path`; its tags are BILOU ids."""
        tag_M, length_N = block.tag_M, block.length_N
        split_M = np.repeat(split_N, length_N)
        for counts, values in ((self.tag_SK, tag_M), *zip(self.features.values(), block.feature_FM)):
            count_by_split(counts, split_M, values)
        self.length_SL = with_lengths(self.length_SL, split_N, length_N)

        start_N = np.cumsum(length_N) - length_N
        for split_id in np.unique(split_N):
            mine = np.flatnonzero((split_M == split_id) & (tag_M > 0))
            types, first = np.unique((tag_M[mine] - 1) // 4, return_index=True)
            for type_id, i in zip(types, mine[first]):
                self.first_seen.setdefault((int(split_id), int(type_id)), f"{path}:{block.line_M[i]}")
            longest = int(np.argmax(np.where(split_N == split_id, length_N, -1)))
            if length_N[longest] > self.longest[split_id][0]:
                self.longest[split_id] = (int(length_N[longest]), f"{path}:{block.line_M[start_N[longest]]}")

    def take(self, other: TaggedCounts) -> None:
        """Add those of the next part of the corpus."""
        self.tag_SK += other.tag_SK
        for name, counts in other.features.items():
            self.features[name] += counts
        self.length_SL = _sum(self.length_SL, other.length_SL)
        self.raw_SL = _sum(self.raw_SL, other.raw_SL)
        self.documents_S += other.documents_S
        self.has_text_S |= other.has_text_S
        for mine, theirs in zip(self.inexpressible, other.inexpressible):
            mine.update(theirs)
        self.longest = [max(pair, key=lambda found: found[0]) for pair in zip(self.longest, other.longest)]
        self.first_seen = {**other.first_seen, **self.first_seen}


def count_by_split(counts_SX: np.ndarray, split_M: np.ndarray, value_M: np.ndarray) -> None:
    """Add to the counts of values 0 .. X - 1 those of some tokens, by their splits."""
    if counts_SX.size and len(value_M):
        add_counts(counts_SX.reshape(-1), split_M * counts_SX.shape[1] + value_M)


def with_lengths(histogram_SL: np.ndarray, split_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """The histogram with more sentences, wider if need be."""
    width = max(histogram_SL.shape[1], int(length_N.max()) + 1)
    wide_SL = _widened(histogram_SL, width)
    return wide_SL + np.bincount(split_N * width + length_N, minlength=wide_SL.size).reshape(wide_SL.shape)


def _widened(histogram_SL: np.ndarray, width: int) -> np.ndarray:
    return np.pad(histogram_SL, ((0, 0), (0, width - histogram_SL.shape[1])))


def _sum(one_SL: np.ndarray, other_SL: np.ndarray) -> np.ndarray:
    width = max(one_SL.shape[1], other_SL.shape[1])
    return _widened(one_SL, width) + _widened(other_SL, width)


class TaggedPart(NamedTuple):
    """The sentences of a part of the corpus."""

    # A file of chunks, each a TaggedChunk.
    path: Path
    # How many have each length, by split; and raw ones.
    length_SL: np.ndarray
    raw_SL: np.ndarray
    # How often each of its distinct tokens occurs: int64 (S, V).
    token_SV: Carried[np.ndarray]


class TaggedCorpus:
    """The corpus after this pass, and its counts, as TaggedCounts has them."""

    def __init__(
        self, parts: list[TaggedPart], splits: list[str], corpus: IdCorpus, counts: TaggedCounts, num_characters: int
    ) -> None:
        """num_characters: tokens of one character."""
        self.parts, self.splits, self.num_characters = parts, splits, num_characters
        self.scheme, self.entity_types = corpus.scheme, corpus.entity_types
        self.tag_SK, self.features = counts.tag_SK, counts.features
        self.length_SL, self.raw_SL = counts.length_SL, counts.raw_SL
        self.documents_S, self.has_text_S = counts.documents_S, counts.has_text_S
        self.inexpressible, self.longest, self.first_seen = counts.inexpressible, counts.longest, counts.first_seen

    @property
    def token_SV(self) -> np.ndarray:
        """How often each of the distinct tokens occurs, of a corpus of one part."""
        (part,) = self.parts
        return part.token_SV.get()

    def chunks(self) -> Iterator[TaggedChunk]:
        """Those of all parts, each with its own numbers of tokens."""
        for part in self.parts:
            yield from read_fields(part.path, TaggedChunk)

    def of_train(self, counts_SX: np.ndarray) -> np.ndarray:
        """The row of train, which is the first if there is one; else zeros."""
        return counts_SX[0] if self.splits[0] == "train" else np.zeros_like(counts_SX[0])

    def entities(self, split_id: int) -> dict[str, int]:
        """Number of entities of each type in a split: one begins at each B and U."""
        tag_KB = self.tag_SK[split_id, 1:].reshape(-1, 4)
        return {name: int(begins) for name, begins in zip(self.entity_types, tag_KB[:, 0] + tag_KB[:, 3])}
