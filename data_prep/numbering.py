"""Distinct strings and their numbers, in the order of first appearance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


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
