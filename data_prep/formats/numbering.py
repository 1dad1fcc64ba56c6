"""Distinct strings and their numbers, in the order of first appearance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import MAX_OPEN_TOKENS


class Numbering(dict):
    """String -> number; looking up a new string numbers it."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))

    def coded(self, values: list[str], code_M: np.ndarray) -> np.ndarray:
        """Numbers of strings that are given as distinct ones and which of them is where."""
        return self.numbers(values)[code_M]

    def since(self, number: int) -> list[str]:
        """The strings numbered from there on."""
        # A dict keeps the order of insertion, and the new ones are few.
        return list(itertools.islice(reversed(self), len(self) - number))[::-1]


class Strings(NamedTuple):
    """The distinct tokens, tags and parts of speech of all sources."""

    token: Numbering
    tag: Numbering
    pos: Numbering


def no_strings() -> Strings:
    return Strings(Numbering(), Numbering(), Numbering())


class Recent(Numbering):
    """A numbering that spells its numbers too, and may forget the strings of blocks that have been dealt with."""

    def __init__(self) -> None:
        super().__init__()
        # The strings that can still be spelled, the number of the first of them, and of the first that is news.
        self.texts: list[str] = []
        self.first = self.first_news = 0

    def __missing__(self, text: str) -> int:
        number = self[text] = self.first + len(self.texts)
        self.texts.append(text)
        return number

    def spelled(self, number_M: np.ndarray) -> list[str]:
        texts = self.texts
        return [texts[place] for place in (number_M - self.first).tolist()]

    def news(self) -> list[str]:
        """The strings that are new since the last call."""
        new = self.texts[self.first_news - self.first :]
        self.first_news = self.first + len(self.texts)
        return new

    def forget(self) -> None:
        """Begin anew if there are many strings; those since the last time can be spelled until the next.

        To be called between two blocks. The sentence that is then open has fewer tokens than were new since the last
        time, so it holds none that are forgotten now.
        """
        if len(self) > MAX_OPEN_TOKENS:
            gone = len(self.texts) - len(self)
            self.texts, self.first = self.texts[gone:], self.first + gone
            self.clear()
