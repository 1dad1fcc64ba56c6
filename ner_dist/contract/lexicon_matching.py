"""Where sentences contain entries of a lexicon, whole or in part (Chiu & Nichols 2016, section 2.3.3).

Preparation and prediction share this rule. Example: the entry "new york times" labels "The New York Times said" with
O B I L O, and "New York is" with B I O if partial matches of two tokens count. Each distinct token of the entries
becomes one character. Entries and sentences are then strings, and Aho-Corasick finds all matches in one pass.

Axes: M tokens of N sentences; P = M + N characters of the text searched, a border before each sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from ahocorasick_rs import AhoCorasick

from ner_dist.contract import tag_schemes
from ner_dist.contract.shard_format import UNK_ID

# By prefix code: BILOU by a token's place in the entry it is matched with, not in the match.
LABELS = ("O", "B", "I", "L", "U")
# The feature's id of the first label.
FIRST_ID = UNK_ID + 1
# The roles of a pattern as bits: it may be the beginning of one entry, the end of another and itself an entry.
OPENS, CLOSES, WHOLE = 1, 2, 4
# Stands for tokens without a character, and for the borders of sentences.
FOREIGN = "\0"


class PartialMatch(NamedTuple):
    """Fewest and most tokens of a partial match: the first or last half, or more, of an entry. With most = 0, none."""

    least: int
    most: int


class Matcher(NamedTuple):
    """Finds entries in text of one character a token."""

    char_of_token: dict[str, str]
    automaton: AhoCorasick
    # One byte a pattern of the automaton.
    roles: bytes
    # The patterns, with FOREIGN between them.
    patterns: str

    def __reduce__(self) -> tuple[Any, ...]:
        # The automaton cannot be sent to another process, and is made anew there.
        return _matcher, (self.char_of_token, self.roles, self.patterns)


def _matcher(char_of_token: dict[str, str], roles: bytes, patterns: str) -> Matcher:
    return Matcher(char_of_token, AhoCorasick(patterns.split(FOREIGN) if patterns else []), roles, patterns)


def _patterns(entry: str, partial: PartialMatch) -> Iterator[tuple[str, int]]:
    """The strings that match an entry, and their roles; entry: one character a token."""
    yield entry, OPENS | CLOSES | WHOLE
    half = (len(entry) + 1) // 2
    for length in range(max(half, partial.least), min(len(entry), partial.most + 1)):
        yield entry[:length], OPENS
        yield entry[-length:], CLOSES


def _char(number: int) -> str:
    """The character for a number from 1 to 1.1 million; surrogates, which text cannot hold, are skipped."""
    return chr(number if number < 0xD800 else number + 0x800)


def build_matcher(entries: Iterable[list[str]], partial: PartialMatch, known: Container[str] | None = None) -> Matcher:
    """A matcher for entries of case-folded tokens.

    known: the case-folded tokens of all sentences that will be searched, if they are known by now. Patterns with any
    other token are left out.
    """
    char_of_token: dict[str, str] = {}
    roles: dict[str, int] = {}
    for tokens in entries:
        for token in tokens:
            if token not in char_of_token and (known is None or token in known):
                number = len(char_of_token) + 1
                char_of_token[token] = _char(number)
        entry = "".join([char_of_token.get(token, FOREIGN) for token in tokens])
        for pattern, role in _patterns(entry, partial):
            if FOREIGN not in pattern:
                roles[pattern] = roles.get(pattern, 0) | role
    return _matcher(char_of_token, bytes(roles.values()), FOREIGN.join(roles))


def token_codes(matcher: Matcher, tokens: Iterable[str]) -> np.ndarray:
    """The code point of each token's character, FOREIGN's if no entry has the token: uint32."""
    return np.array([ord(matcher.char_of_token.get(token.casefold(), FOREIGN)) for token in tokens], "<u4")


@functools.cache
def _labels(role: int, length: int) -> bytes:
    """The labels of a match: B and L only where an entry begins and ends."""
    opens, closes = role & OPENS, role & CLOSES
    if length == 1:
        return bytes([tag_schemes.U if opens and closes else tag_schemes.B if opens else tag_schemes.L])
    first = tag_schemes.B if opens else tag_schemes.I
    last = tag_schemes.L if closes else tag_schemes.I
    return bytes([first, *[tag_schemes.I] * (length - 2), last])


def match(matcher: Matcher, code_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """The label of each token as a prefix code: uint8 (M,); code_M comes from token_codes.

    Of overlapping matches whole entries win over partial ones, then longer over shorter, then earlier over later.
    """
    first_N = np.cumsum(length_N) - length_N
    # FOREIGN before each sentence, so that no match crosses a border.
    text = np.insert(code_M, first_N, ord(FOREIGN)).tobytes().decode("utf-32-le")
    ranked = sorted(
        (not matcher.roles[pattern] & WHOLE, begin - end, begin, matcher.roles[pattern])
        for pattern, begin, end in matcher.automaton.find_matches_as_indexes(text, overlapping=True)
    )
    label_P = bytearray(len(text))
    for _, negative_length, begin, role in ranked:
        labels = _labels(role, -negative_length)
        end = begin + len(labels)
        if label_P.count(tag_schemes.O, begin, end) == len(labels):
            label_P[begin:end] = labels
    return np.delete(np.frombuffer(label_P, np.uint8), first_N + np.arange(len(length_N)))
