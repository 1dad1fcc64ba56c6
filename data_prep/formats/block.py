"""What every reader yields: a block of whole sentences as flat columns of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.problems import CorpusError

# A file without sentence ends must not fill the memory.
MAX_OPEN_TOKENS = 1_000_000

# (number of the first line, whole lines) of block after block of a file; see source.split_lines.
TextBlocks = Iterable["tuple[int, str]"]


class Block(NamedTuple):
    """N whole sentences, one after another; M tokens as numbers of distinct strings."""

    token_M: np.ndarray
    tag_M: np.ndarray
    # Empty if the file has no parts of speech.
    pos_M: np.ndarray
    # Line of each token in its file, from 1.
    line_M: np.ndarray
    length_N: np.ndarray


class Rows(NamedTuple):
    """Tokens in the order of their lines, with or without an end of their last sentence."""

    token_M: np.ndarray
    tag_M: np.ndarray
    pos_M: np.ndarray
    line_M: np.ndarray
    # Which of them open a sentence: bool.
    opens_M: np.ndarray


_NONE = np.zeros(0, np.int32)
NO_ROWS = Rows(_NONE, _NONE, _NONE, _NONE, np.zeros(0, bool))


class OpenBlock:
    """Rows of tokens on the way to blocks: holds back the sentence that is still open."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: Rows | None = None
        self.ended = True

    def end_sentence(self) -> None:
        """The next row opens a sentence, whatever it says of itself."""
        self.ended = True

    def add(self, rows: Rows) -> None:
        if not len(rows.token_M):
            return
        if self.ended:
            rows.opens_M[0] = True
            self.ended = False
        before = self.rows
        self.rows = rows if before is None else Rows(*(np.concatenate(columns) for columns in zip(before, rows)))

    def take(self) -> Block:
        """The sentences that have ended, removed from here."""
        rows = self.rows or NO_ROWS
        starts = np.flatnonzero(rows.opens_M)
        # The last start is that of the open sentence.
        bounds = np.append(starts, len(rows.token_M)) if self.ended else starts
        end = int(bounds[-1]) if len(bounds) else 0
        if len(rows.token_M) - end > MAX_OPEN_TOKENS:
            raise CorpusError(
                f"{self.path}:{rows.line_M[end]}: error: no sentence ends within {MAX_OPEN_TOKENS:,} tokens; "
                "are the blank lines between sentences missing?"
            )
        self.rows = Rows(*(column[end:] for column in rows)) if end < len(rows.token_M) else None
        return Block(rows.token_M[:end], rows.tag_M[:end], rows.pos_M[:end], rows.line_M[:end], np.diff(bounds))


def ragged_positions(start_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """Positions start .. start + length - 1 of each row, one row after another: flat, int64."""
    length_N = length_N.astype(np.int64)
    begin_N = np.cumsum(length_N) - length_N
    return np.repeat(start_N - begin_N, length_N) + np.arange(length_N.sum())


def starts_mask(length_N: np.ndarray) -> np.ndarray:
    """Which of the M tokens open one of the N sentences: bool (M,). Lengths are at least 1."""
    length_N = length_N.astype(np.int64)
    mask_M = np.zeros(length_N.sum(), bool)
    mask_M[np.cumsum(length_N) - length_N] = True
    return mask_M


class Tagged(NamedTuple):
    """N whole sentences of M tokens, one after another; BILOU ids of the entity types that their source has."""

    text_M: list[str]
    tag_M: np.ndarray
    # Empty if the source has no parts of speech.
    pos_M: list[str]
    length_N: np.ndarray
    # Together they say where a token stands.
    source: str
    number_M: np.ndarray

    def where(self, i: int) -> str:
        return f"{self.source}{self.number_M[i]}"
