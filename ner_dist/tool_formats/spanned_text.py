"""A text with tokens and entities, as the formats of this folder need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SpannedText(Protocol):
    @property
    def text(self) -> str: ...

    @property
    def spans(self) -> Sequence[tuple[int, int, str]]:
        """(start, end, type) by characters (code points) of the text, in their order."""

    @property
    def tokens(self) -> Sequence[str]: ...

    @property
    def starts(self) -> Sequence[int]:
        """Of each token, its first character in the text."""

    @property
    def sentence_starts(self) -> Sequence[int]:
        """The first token of each sentence."""

    @property
    def entities(self) -> Sequence[tuple[int, int, str]]:
        """(first token, the one after the last, type)."""
