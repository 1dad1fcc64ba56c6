"""Finds sentences of a shard set: those with some words in a row, with entities of a type, or both at one place.

Axes: M tokens of the sentences of a row group, W words in a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.inspecting.read_sentences import flat, row_groups
from ner_dist.contract.shard_format import Index
from ner_dist.contract.tag_schemes import split_ids


class Search(NamedTuple):
    """What sentences must contain; with both, one of the words must be in an entity of the type."""

    words: list[str]
    type_id: int | None
    ignore_case: bool = False

    def matches_all(self) -> bool:
        return not self.words and self.type_id is None


class FoundSentence(NamedTuple):
    sentence_id: int
    texts: list[str]
    tags: list[int]
    # Which tokens match.
    hits: list[bool]


class _RowGroup(NamedTuple):
    """The sentences of a row group, and where they match."""

    rows: pa.Table
    length_N: np.ndarray
    text_M: pa.Array
    # Where the searched words begin.
    begins: np.ndarray
    hits_M: np.ndarray


def _word_begins(text_M: pa.Array, sentence_M: np.ndarray, search: Search) -> np.ndarray:
    """The positions where the words begin, all in one sentence."""
    # Imported only here: it would be a fifth of the start of any command.
    import pyarrow.compute as pc

    words = [word.lower() for word in search.words] if search.ignore_case else search.words
    if search.ignore_case:
        text_M = pc.utf8_lower(text_M)
    num_starts = len(text_M) - len(words) + 1
    if not words or num_starts < 1:
        return np.zeros(0, np.int64)
    begins = sentence_M[:num_starts] == sentence_M[len(words) - 1 :]
    for place, word in enumerate(words):
        begins &= pc.equal(text_M.slice(place, num_starts), word).to_numpy(zero_copy_only=False)
    return np.flatnonzero(begins)


def _matches(directory: Path, index: Index, split: str, search: Search) -> Iterator[_RowGroup]:
    for rows in row_groups(directory, index, split, ("sentence_id", "length", "text", "tag")):
        length_N, text_M = rows["length"].to_numpy(), flat(rows, "text")
        _, type_M = split_ids(flat(rows, "tag").to_numpy())
        begins = _word_begins(text_M, np.repeat(np.arange(len(length_N)), length_N), search)
        hits_M = np.zeros(len(type_M), bool)
        if search.words:
            match_W = begins[:, None] + np.arange(len(search.words))
            if search.type_id is not None:
                match_W = match_W[(type_M[match_W] == search.type_id).any(1)]
            hits_M[match_W.ravel()] = True
        elif search.type_id is not None:
            hits_M = type_M == search.type_id
        yield _RowGroup(rows, length_N, text_M, begins, hits_M)


def find(directory: Path, index: Index, split: str, search: Search, limit: int) -> tuple[list[FoundSentence], int]:
    """The first `limit` matching sentences of a split, in the order of the corpus, and the number of all."""
    found: list[FoundSentence] = []
    num_found = 0
    for group in _matches(directory, index, split, search):
        start_N = np.cumsum(group.length_N) - group.length_N
        chosen = np.arange(len(start_N))
        if not search.matches_all():
            chosen = np.flatnonzero(np.add.reduceat(group.hits_M.astype(np.int64), start_N))
        num_found += len(chosen)
        # Within a row group they are in the order of the corpus.
        some = group.rows.take(pa.array(chosen[:limit])).to_pylist()
        for n, row in zip(chosen, some):
            hits = group.hits_M[start_N[n] :][: row["length"]].tolist()
            found.append(FoundSentence(row["sentence_id"], row["text"], row["tag"], hits))
        found = sorted(found)[:limit]
    return found, num_found


def spellings(directory: Path, index: Index, search: Search) -> dict[tuple[str, str], int]:
    """How often the words occur, ignoring case, with the type if there is one: by split and spelling."""
    counts: Counter[tuple[str, str]] = Counter()
    for split in index.splits:
        for group in _matches(directory, index, split, search._replace(ignore_case=True)):
            for begin in group.begins[group.hits_M[group.begins]].tolist():
                counts[split, " ".join(group.text_M.slice(begin, len(search.words)).to_pylist())] += 1
    return dict(counts.most_common())
