"""What every reader yields: a block of whole sentences as flat columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from data_prep.problems import CorpusError

# A file without sentence ends must not fill the memory.
MAX_OPEN_TOKENS = 1_000_000

# (number of the first line, lines) of block after block of a file.
LineBlocks = Iterable["tuple[int, list[str]]"]


class Block(NamedTuple):
    """N whole sentences, one after another; M tokens."""

    token_M: list[str]
    tag_M: list[str]
    # Empty if the file has no parts of speech.
    pos_M: list[str]
    # Line of each token in its file, from 1.
    line_M: list[int]
    length_N: list[int]


class OpenBlock:
    """Rows of tokens on the way to blocks: holds back the sentence that is still open."""

    def __init__(self, path: Path):
        self.path = path
        self.token: list[str] = []
        self.tag: list[str] = []
        self.pos: list[str] = []
        self.line: list[int] = []
        # First token of each sentence; the last one is open, and may have no token yet.
        self.starts = [0]

    def end_sentence(self) -> None:
        if len(self.token) > self.starts[-1]:
            self.starts.append(len(self.token))

    def take(self) -> Block:
        """The sentences that have ended, removed from here."""
        end = self.starts[-1]
        if len(self.token) - end > MAX_OPEN_TOKENS:
            raise CorpusError(
                f"{self.path}:{self.line[end]}: error: no sentence ends within {MAX_OPEN_TOKENS:,} tokens; "
                "are the blank lines between sentences missing?"
            )
        lengths = [stop - start for start, stop in zip(self.starts, self.starts[1:])]
        block = Block(self.token[:end], self.tag[:end], self.pos[:end], self.line[:end], lengths)
        del self.token[:end], self.tag[:end], self.pos[:end], self.line[:end]
        self.starts = [0]
        return block
