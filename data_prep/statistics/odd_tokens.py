"""Unusual words and characters: what a tagger has hardly seen, and what is often an error in the corpus."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from data_prep.sources.mojibake import SUSPICIONS

LONG_WORD = 30
NUM_EXAMPLES = 8
# By the first letter of the Unicode category; letters are grouped by script instead.
CATEGORIES = {"N": "digits and numbers", "P": "punctuation", "S": "symbols", "M": "combining marks"}
INVISIBLE = "invisible: spaces, controls, private use"


class TextKind(NamedTuple):
    name: str
    num_occurrences: int
    num_distinct: int
    # The most frequent.
    examples: list[str]


def script(char: str) -> str:
    """The script of a letter: the first word of its name, as in LATIN SMALL LETTER A; empty if it has no name."""
    return unicodedata.name(char, "").split(" ")[0].split("-")[0]


# Kinds that are usually errors come first. ASCII words cannot be of the kinds BEYOND_ASCII.
BEYOND_ASCII: dict[str, Callable[[str], object]] = {
    **{name.replace("_", " "): pattern.search for name, pattern, _ in SUSPICIONS if name != "control_characters"},
    "invisible characters": lambda word: any(unicodedata.category(char) in ("Cf", "Co", "Cn") for char in word),
    "letters of several scripts": lambda word: len({script(char) for char in word if char.isalpha()}) > 1,
    "not in Unicode's composed form (NFC)": lambda word: not unicodedata.is_normalized("NFC", word),
}
ANY: dict[str, Callable[[str], object]] = {
    "control characters": lambda word: any(unicodedata.category(char) == "Cc" for char in word),
    "white space within": lambda word: any(char.isspace() for char in word),
    f"longer than {LONG_WORD} characters": lambda word: len(word) > LONG_WORD,
    "capitals after small letters": lambda word: any(a.islower() and b.isupper() for a, b in zip(word, word[1:])),
    "letters and digits mixed": lambda word: any(map(str.isalpha, word)) and any(map(str.isdigit, word)),
    "several characters, no letter or digit": lambda word: len(word) > 1 and not any(map(str.isalnum, word)),
}


def odd_kinds(tokens: Counter[str]) -> list[TextKind]:
    """The kinds of odd words that occur; a word may be of several."""
    beyond = [word for word in tokens if not word.isascii()]
    found = {name: filter(test, beyond) for name, test in BEYOND_ASCII.items()}
    found.update((name, filter(test, tokens)) for name, test in ANY.items())
    kinds = [_kind(name, Counter({word: tokens[word] for word in words})) for name, words in found.items()]
    return [kind for kind in kinds if kind.num_distinct]


def _kind(name: str, counts: Counter[str]) -> TextKind:
    examples = [text for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_EXAMPLES]]
    return TextKind(name, sum(counts.values()), len(counts), examples)


def _char_kind(char: str) -> str:
    category = unicodedata.category(char)
    if category[0] in CATEGORIES:
        return CATEGORIES[category[0]]
    if category[0] in "ZC":
        return INVISIBLE
    if char.isascii():
        return "letters a to z"
    name = script(char).lower()
    return f"{name or 'unnamed'} letters{' beyond a to z' if name == 'latin' else ''}"


def char_kinds(tokens: Counter[str]) -> list[TextKind]:
    """The kinds of characters, the most frequent first; a character has exactly one."""
    chars: Counter[str] = Counter()
    for word, count in tokens.items():
        for char in word:
            chars[char] += count
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for char, count in chars.items():
        kinds[_char_kind(char)][char] = count
    found = [_kind(name, counts) for name, counts in kinds.items()]
    return sorted(found, key=lambda kind: (-kind.num_occurrences, kind.name))
