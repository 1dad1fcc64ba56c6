"""Lists of names -> where sentences hold them, whole or in part (Chiu & Nichols 2016, section 2.3.3).

One rule for preparation and for prediction; no MXNet here.

Axes: M tokens of N sentences; P = M + N places, a border before each sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from ahocorasick_rs import AhoCorasick

from ner_dist.contract import tag_schemes
from ner_dist.contract.shard_format import UNK_ID

# By prefix code: BILOU by a token's place in the entry that it is matched with, not in the match.
LABELS = ("O", "B", "I", "L", "U")
# The feature's id of the first of them.
FIRST_ID = UNK_ID + 1
# What an n-gram is to the entries, as bits: it may begin one and end another.
OPENS, CLOSES, WHOLE = 1, 2, 4
# Stands for tokens that no entry or no sentence holds, and for the borders of sentences.
FOREIGN = "\0"


class Parts(NamedTuple):
    """Least and most tokens of a part: a beginning or an end of half an entry or more. None at all if most is 0."""

    least: int
    most: int


class Matcher(NamedTuple):
    """Tokens written as characters, so that entries and sentences are strings to search for and in."""

    # Of the tokens that entries hold.
    chars: dict[str, str]
    parts: AhoCorasick
    # What each part is to the entries, a byte each.
    kinds: bytes


def _char(number: int) -> str:
    """A character for each number from 1 on, of the 1.1 million that a text can hold; surrogates it cannot."""
    return chr(number if number < 0xD800 else number + 0x800)


def _parts(entry: str, parts: Parts) -> Iterator[tuple[str, int]]:
    """The n-grams that match an entry, one character a token, and what they are to it."""
    yield entry, OPENS | CLOSES | WHOLE
    half = (len(entry) + 1) // 2
    for length in range(max(half, parts.least), min(len(entry), parts.most + 1)):
        yield entry[:length], OPENS
        yield entry[-length:], CLOSES


def fit(entries: Iterable[list[str]], parts: Parts, known: Container[str] | None = None) -> Matcher:
    """What finds the entries in sentences; the tokens of the entries are case folded.

    known: the case-folded tokens of those sentences, if they are known by now. Entries and parts with others match
    nowhere and are left out.
    """
    chars: dict[str, str] = {}
    kinds: dict[str, int] = {}
    for tokens in entries:
        for token in tokens:
            if token not in chars and (known is None or token in known):
                chars[token] = _char(len(chars) + 1)
        for part, kind in _parts("".join([chars.get(token, FOREIGN) for token in tokens]), parts):
            if FOREIGN not in part:
                kinds[part] = kinds.get(part, 0) | kind
    return Matcher(chars, AhoCorasick(kinds), bytes(kinds.values()))


def codes(matcher: Matcher, tokens: Iterable[str]) -> np.ndarray:
    """The code point of each token, FOREIGN's if no entry holds it: uint32."""
    return np.array([ord(matcher.chars.get(token.casefold(), FOREIGN)) for token in tokens], "<u4")


@functools.cache
def _labels(kind: int, length: int) -> bytes:
    """The labels of a match: B and L only where an entry begins and ends."""
    opens, closes = kind & OPENS, kind & CLOSES
    if length == 1:
        return bytes([tag_schemes.U if opens and closes else tag_schemes.B if opens else tag_schemes.L])
    return bytes(
        [
            tag_schemes.B if opens else tag_schemes.I,
            *[tag_schemes.I] * (length - 2),
            tag_schemes.L if closes else tag_schemes.I,
        ]
    )


def match(matcher: Matcher, code_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """The label of each token as a prefix code: uint8 (M,); code_M by `codes`.

    Of overlapping matches, those of whole entries win over parts, then longer ones, then earlier ones.
    """
    first_N = np.cumsum(length_N) - length_N
    # A foreign character before each sentence, so that no match goes over its border.
    text = np.insert(code_M, first_N, ord(FOREIGN)).tobytes().decode("utf-32-le")
    ranked = sorted(
        (not matcher.kinds[part] & WHOLE, begin - end, begin, matcher.kinds[part])
        for part, begin, end in matcher.parts.find_matches_as_indexes(text, overlapping=True)
    )
    label_P = bytearray(len(text))
    for _, negative_length, begin, kind in ranked:
        labels = _labels(kind, -negative_length)
        end = begin + len(labels)
        if label_P.count(tag_schemes.O, begin, end) == len(labels):
            label_P[begin:end] = labels
    return np.delete(np.frombuffer(label_P, np.uint8), first_N + np.arange(len(length_N)))
