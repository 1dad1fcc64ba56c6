"""Lists of names -> where sentences hold them, whole or in part (Chiu & Nichols 2016, section 2.3.3).

Axes: M tokens of N sentences; P = M + N places, a border before each sentence; V distinct token strings.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ahocorasick_rs import AhoCorasick

from data_prep.problems import CorpusError
from data_prep.settings import Settings, SettingsError
from ner_dist import spans
from ner_dist.shard_format import UNK_ID

# A list's feature is named for it.
FEATURE = "lexicon_"
# By prefix code: BILOU by a token's place in the entry that it is matched with, not in the match.
LABELS = ("O", "B", "I", "L", "U")
# The feature's id of the first of them.
FIRST_ID = UNK_ID + 1
# What an n-gram is to the entries, as bits: it may begin one and end another.
OPENS, CLOSES, WHOLE = 1, 2, 4
# A single name of a person's tells something; a single word of a place's or an organisation's may be any word.
PERSON_TYPES = ("per", "person")
MIN_PART_TOKENS = 2
TYPE_NAME = re.compile(r"[A-Za-z0-9_-]+")
# Stands for tokens that no entry or no sentence holds, and for the borders of sentences.
FOREIGN = "\0"


class Lexicon(NamedTuple):
    """The list of one type, and which parts of its entries are matches too."""

    name: str
    path: Path
    # Least and most tokens of a part: a beginning or an end of half an entry or more. None at all if most is 0.
    min_part: int
    max_part: int


class Matcher(NamedTuple):
    """Tokens written as characters, so that entries and sentences are strings to search for and in."""

    # The code point of each distinct token; FOREIGN's if no entry holds it.
    code_V: np.ndarray
    parts: AhoCorasick
    # What each part is to the entries, a byte each.
    kinds: bytes


def _lexicon_paths(directory: Path) -> dict[str, Path]:
    """The lists of a folder by type, sorted. Raises SettingsError if there are none or a name cannot be a column's."""
    if not directory.is_dir():
        raise SettingsError(f"--lexicon {directory} is no folder; expected one with a TYPE.txt a type")
    paths = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".txt")
    if not paths:
        raise SettingsError(f"--lexicon {directory} holds no TYPE.txt; expected one a type, an entry a line")
    seen: dict[str, Path] = {}
    for path in paths:
        if not TYPE_NAME.fullmatch(path.stem):
            raise SettingsError(
                f"--lexicon: {path} names the type {path.stem!r}; expected only letters A to Z, digits, _ and -"
            )
        # A vocabulary file is named for each, and not every file system tells upper from lower case.
        if (other := seen.setdefault(path.stem.lower(), path)) != path:
            raise SettingsError(f"--lexicon: {other} and {path} name the same type but for case; rename or join them")
    return {path.stem: path for path in paths}


def lexicons(settings: Settings) -> list[Lexicon]:
    """The lists of --lexicon in the order of their names; none without it. Raises SettingsError."""
    if settings.lexicon is None:
        return []
    paths = _lexicon_paths(Path(settings.lexicon))
    wanted = {"all": list(paths), "none": []}.get(settings.lexicon_partial, settings.lexicon_partial.split(","))
    if foreign := [name for name in wanted if name not in paths]:
        raise SettingsError(
            f"--lexicon-partial names {foreign[0]!r}, but --lexicon has {', '.join(paths)}; "
            "expected all, none, or TYPE,TYPE"
        )
    return [
        Lexicon(
            name,
            path,
            1 if name.lower() in PERSON_TYPES else MIN_PART_TOKENS,
            settings.max_tokens if name in wanted else 0,
        )
        for name, path in paths.items()
    ]


def read_entries(path: Path) -> Iterator[list[str]]:
    """The tokens of each entry, case folded; passes over blank lines and lines that begin with #.

    Raises CorpusError for bytes that are not UTF-8, and for a file with no entry.
    """
    num_entries = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                # Only the first line may bear a byte-order mark.
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise CorpusError(
                    f"{path}:{number}: error: byte 0x{line[error.start]:02x} is not UTF-8 text; convert the file, "
                    "such as by iconv -f cp1252 -t utf-8"
                ) from error
            tokens = text.casefold().split()
            if tokens and not text.startswith("#"):
                num_entries += 1
                yield tokens
    if not num_entries:
        raise CorpusError(f"{path}: error: no entry; expected one a line, such as: New York")


def _char(number: int) -> str:
    """A character for each number from 1 on, of the 1.1 million that a text can hold; surrogates it cannot."""
    return chr(number if number < 0xD800 else number + 0x800)


def _parts(entry: str, lexicon: Lexicon) -> Iterator[tuple[str, int]]:
    """The n-grams that match an entry, one character a token, and what they are to it."""
    yield entry, OPENS | CLOSES | WHOLE
    half = (len(entry) + 1) // 2
    for length in range(max(half, lexicon.min_part), min(len(entry), lexicon.max_part + 1)):
        yield entry[:length], OPENS
        yield entry[-length:], CLOSES


def fit_lexicon(lexicon: Lexicon, token_V: list[str]) -> Matcher:
    """What finds the entries of a list in sentences of these tokens. Raises CorpusError.

    Entries and parts with a token that the corpus lacks are left out: they match nowhere.
    """
    folded_V = [token.casefold() for token in token_V]
    known = set(folded_V)
    chars: dict[str, str] = {}
    kinds: dict[str, int] = {}
    for tokens in read_entries(lexicon.path):
        for token in tokens:
            if token in known and token not in chars:
                chars[token] = _char(len(chars) + 1)
        for part, kind in _parts("".join([chars.get(token, FOREIGN) for token in tokens]), lexicon):
            if FOREIGN not in part:
                kinds[part] = kinds.get(part, 0) | kind
    code_V = np.array([ord(chars.get(token, FOREIGN)) for token in folded_V], "<u4")
    return Matcher(code_V, AhoCorasick(kinds), bytes(kinds.values()))


@functools.cache
def _labels(kind: int, length: int) -> bytes:
    """The labels of a match: B and L only where an entry begins and ends."""
    opens, closes = kind & OPENS, kind & CLOSES
    if length == 1:
        return bytes([spans.U if opens and closes else spans.B if opens else spans.L])
    return bytes([spans.B if opens else spans.I, *[spans.I] * (length - 2), spans.L if closes else spans.I])


def match(matcher: Matcher, token_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """The label of each token as a prefix code: uint8 (M,).

    Of overlapping matches, those of whole entries win over parts, then longer ones, then earlier ones.
    """
    first_N = np.cumsum(length_N) - length_N
    # A foreign character before each sentence, so that no match goes over its border.
    text = np.insert(matcher.code_V[token_M], first_N, ord(FOREIGN)).tobytes().decode("utf-32-le")
    ranked = sorted(
        (not matcher.kinds[part] & WHOLE, begin - end, begin, matcher.kinds[part])
        for part, begin, end in matcher.parts.find_matches_as_indexes(text, overlapping=True)
    )
    label_P = bytearray(len(text))
    for _, negative_length, begin, kind in ranked:
        labels = _labels(kind, -negative_length)
        end = begin + len(labels)
        if label_P.count(spans.O, begin, end) == len(labels):
            label_P[begin:end] = labels
    return np.delete(np.frombuffer(label_P, np.uint8), first_N + np.arange(len(length_N)))
