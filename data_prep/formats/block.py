"""Blocks of whole sentences as flat arrays, one sentence after another.

`SentenceIds` is what a reader yields; `TaggedSentences` is what a writer takes. Axes: N sentences of M tokens in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.problems import CorpusError

# A file without sentence ends must not fill the memory.
MAX_OPEN_TOKENS = 1_000_000


class SentenceIds(NamedTuple):
    """N whole sentences: for each of M tokens the ids of its strings, which a `CorpusStrings` numbers."""

    token_M: np.ndarray
    tag_M: np.ndarray
    # Empty if the file has no parts of speech.
    pos_M: np.ndarray
    # Line of each token in its file, from 1.
    line_M: np.ndarray
    length_N: np.ndarray


class TaggedSentences(NamedTuple):
    """N whole sentences: for each of M tokens its text and its BILOU id among the entity types of its source."""

    text_M: list[str]
    tag_M: np.ndarray
    # Empty if the source has no parts of speech.
    pos_M: list[str]
    length_N: np.ndarray
    # The place of a token, for messages: source and number, such as "corpus.conll:" and a line.
    source: str
    number_M: np.ndarray

    def where(self, i: int) -> str:
        return f"{self.source}{self.number_M[i]}"

    def sentence_slices(self) -> Iterator[slice]:
        """The positions of each sentence's tokens."""
        ends = np.cumsum(self.length_N).tolist()
        return map(slice, [0, *ends], ends)


class SentenceAssembler:
    """Collects tokens in file order and hands out whole sentences; holds back the sentence that may still go on."""

    def __init__(self, path: Path):
        self.path = path
        self.ended = True
        # token, tag, pos, line (see SentenceIds) and whether the token is the first of a sentence.
        self.columns = [*[np.zeros(0, np.int32)] * 4, np.zeros(0, bool)]

    @property
    def is_empty(self) -> bool:
        return not len(self.columns[0])

    def end_sentence(self) -> None:
        """The next token begins a sentence, whatever its `opens_M`."""
        self.ended = True

    def add(
        self, token_M: np.ndarray, tag_M: np.ndarray, pos_M: np.ndarray, line_M: np.ndarray, opens_M: np.ndarray
    ) -> None:
        """opens_M: whether the token is the first of a sentence, bool."""
        if not len(token_M):
            return
        if self.ended:
            opens_M[0] = True
            self.ended = False
        self.columns = [np.concatenate(pair) for pair in zip(self.columns, (token_M, tag_M, pos_M, line_M, opens_M))]

    def take(self) -> SentenceIds:
        """Remove and return the sentences that are complete. Raises CorpusError if one seems to have no end."""
        token_M, tag_M, pos_M, line_M, opens_M = self.columns
        starts = np.flatnonzero(opens_M)
        # Unless it has ended, the last sentence is still open.
        bounds = np.append(starts, len(opens_M)) if self.ended else starts
        end = int(bounds[-1]) if len(bounds) else 0
        if len(opens_M) - end > MAX_OPEN_TOKENS:
            raise CorpusError(
                f"{self.path}:{line_M[end]}: error: no sentence ends within {MAX_OPEN_TOKENS:,} tokens; "
                "are the blank lines between sentences missing?"
            )
        self.columns = [column[end:] for column in self.columns]
        return SentenceIds(token_M[:end], tag_M[:end], pos_M[:end], line_M[:end], np.diff(bounds))


def ragged_positions(start_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """Positions start .. start + length - 1 of each row, one row after another: flat, int64."""
    length_N = length_N.astype(np.int64)
    begin_N = np.cumsum(length_N) - length_N
    return np.repeat(start_N - begin_N, length_N) + np.arange(length_N.sum())


def starts_mask(length_N: np.ndarray) -> np.ndarray:
    """Whether each of M tokens is the first of its sentence: bool (M,). Lengths are at least 1."""
    length_N = length_N.astype(np.int64)
    mask_M = np.zeros(length_N.sum(), bool)
    mask_M[np.cumsum(length_N) - length_N] = True
    return mask_M
