"""Tag sequences for tests, valid and broken, and how the CoNLL-2003 scorer reads them, in plain loops."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

# A tag as (letter, type); letters are those of BILOU, "" is the type of O.
Tag = tuple[str, str]
TYPES = ("X", "Y", "Z")
CODES = "OBILU"


class Entity(NamedTuple):
    sentence: int
    start: int
    end: int
    type: str


def alphabet(letters: str, num_types: int) -> list[Tag]:
    return [("O", ""), *((letter, name) for letter in letters if letter != "O" for name in TYPES[:num_types])]


def all_sentences(letters: str, num_types: int, longest: int) -> list[list[Tag]]:
    """Every sentence of 1 to `longest` tags, valid or not."""
    letters_and_types = alphabet(letters, num_types)
    lengths = range(1, longest + 1)
    return [list(tags) for length in lengths for tags in itertools.product(letters_and_types, repeat=length)]


def sentences(letters: str = "OBILU", num_types: int = 3) -> st.SearchStrategy[list[list[Tag]]]:
    """A few sentences of arbitrary tags, most of them broken."""
    return st.lists(st.lists(st.sampled_from(alphabet(letters, num_types)), min_size=1, max_size=12), max_size=6)


def _encode(pieces: list[tuple[str, int]]) -> list[Tag]:
    tags: list[Tag] = []
    for name, length in pieces:
        letters = "O" * length if not name else "U" if length == 1 else "B" + "I" * (length - 2) + "L"
        tags += [(letter, name) for letter in letters]
    return tags


def valid_sentences(num_types: int = 3) -> st.SearchStrategy[list[list[Tag]]]:
    """A few sentences of valid BILOU."""
    piece = st.tuples(st.sampled_from(["", *TYPES[:num_types]]), st.integers(1, 4))
    return st.lists(st.lists(piece, min_size=1, max_size=6).map(_encode), max_size=6)


def ids(tagged: Sequence[Sequence[Tag]]) -> np.ndarray:
    """BILOU ids of the sentences, end to end."""
    flat = [4 * TYPES.index(name) + CODES.index(letter) if name else 0 for tags in tagged for letter, name in tags]
    return np.array(flat, np.int64)


def arrays(tagged: Sequence[Sequence[Tag]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(prefix codes, type ids, sentence starts) of the sentences, end to end."""
    prefixes = [CODES.index(letter) for tags in tagged for letter, _ in tags]
    types = [TYPES.index(name) if name else -1 for tags in tagged for _, name in tags]
    return np.array(prefixes, np.int64), np.array(types, np.int64), starts(tagged)


def starts(tagged: Sequence[Sequence[Tag]]) -> np.ndarray:
    return np.array([place == 0 for tags in tagged for place in range(len(tags))], bool)


def strings(tagged: Sequence[Sequence[Tag]], letters: str = "OBILU") -> list[list[str]]:
    """Tags as text, with the given letters instead of OBILU."""
    spelled = dict(zip("OBILU", letters))
    return [[f"{spelled[letter]}-{name}" if name else "O" for letter, name in tags] for tags in tagged]


def conll_entities(tagged: Sequence[Sequence[Tag]]) -> set[Entity]:
    """The phrases that conlleval counts, by its rules for beginnings and ends, token by token (L is its E, U its S)."""
    found = set()
    for sentence, tags in enumerate(tagged):
        begin = 0
        before: Tag = ("O", "")
        for place, tag in enumerate([*tags, ("O", "")]):
            if _ends(before, tag):
                found.add(Entity(sentence, begin, place, before[1]))
            if _begins(before, tag):
                begin = place
            before = tag
    return found


def _ends(before: Tag, tag: Tag) -> bool:
    pair = before[0] + tag[0]
    return (
        pair in ("BB", "BU", "BO", "IB", "IU", "IO") or before[0] in "LU" or (before[0] != "O" and before[1] != tag[1])
    )


def _begins(before: Tag, tag: Tag) -> bool:
    pair = before[0] + tag[0]
    return tag[0] in "BU" or pair in ("LL", "LI", "UL", "UI", "OL", "OI") or (tag[0] != "O" and before[1] != tag[1])
