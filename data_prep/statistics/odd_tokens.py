"""Words and characters of odd kinds: what a tagger has hardly seen, and what often is a mistake of the corpus."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from data_prep.formats.mojibake import SUSPICIONS

LONG_WORD = 30
NUM_EXAMPLES = 8
# Categories of Unicode (their first letters) that are told as such; letters are told by their script.
CATEGORIES = {"N": "digits and numbers", "P": "punctuation", "S": "symbols", "M": "marks upon letters"}
INVISIBLE = "invisible: spaces, controls, private use"


class OddKind(NamedTuple):
    """Words of one odd kind; a word may be of several."""

    name: str
    num_tokens: int
    num_distinct: int
    # The most frequent.
    examples: list[str]


class CharKind(NamedTuple):
    """Characters of one kind; each is of one."""

    name: str
    num_occurrences: int
    num_distinct: int
    examples: list[str]


def script(char: str) -> str:
    """The script of a letter: the first word of its name, as in LATIN SMALL LETTER A; empty if it has none."""
    return unicodedata.name(char, "").split(" ")[0].split("-")[0]


def _scripts(word: str) -> set[str]:
    return {script(char) for char in word if char.isalpha()}


def _holds(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda word: pattern.search(word) is not None


def _is_camel(word: str) -> bool:
    return any(one.islower() and other.isupper() for one, other in zip(word, word[1:]))


# Those that are mistakes more often than not come first. ASCII words cannot be of the kinds BEYOND_ASCII.
BEYOND_ASCII: dict[str, Callable[[str], bool]] = {
    **{name.replace("_", " "): _holds(pattern) for name, pattern, _ in SUSPICIONS if name != "control_characters"},
    "invisible characters": lambda word: any(unicodedata.category(char) in ("Cf", "Co", "Cn") for char in word),
    "letters of several scripts": lambda word: len(_scripts(word)) > 1,
    "not in Unicode's composed form (NFC)": lambda word: not unicodedata.is_normalized("NFC", word),
}
ANY: dict[str, Callable[[str], bool]] = {
    "control characters": lambda word: any(unicodedata.category(char) == "Cc" for char in word),
    "white space within": lambda word: any(char.isspace() for char in word),
    f"longer than {LONG_WORD} characters": lambda word: len(word) > LONG_WORD,
    "capitals after small letters": _is_camel,
    "letters and digits mixed": lambda word: any(map(str.isalpha, word)) and any(map(str.isdigit, word)),
    "several characters, no letter or digit": lambda word: len(word) > 1 and not any(map(str.isalnum, word)),
}


def odd_kinds(tokens: Counter[str]) -> list[OddKind]:
    """The kinds of odd words that occur."""
    found = []
    beyond = [word for word in tokens if not word.isascii()]
    for name, test in {**BEYOND_ASCII, **ANY}.items():
        words = Counter({word: tokens[word] for word in (beyond if name in BEYOND_ASCII else tokens) if test(word)})
        if words:
            found.append(OddKind(name, sum(words.values()), len(words), _most_frequent(words)))
    return found


def _most_frequent(counts: Counter[str]) -> list[str]:
    return [text for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_EXAMPLES]]


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


def char_kinds(tokens: Counter[str]) -> list[CharKind]:
    """The kinds of characters, the frequent ones first."""
    chars: Counter[str] = Counter()
    for word, count in tokens.items():
        for char in word:
            chars[char] += count
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for char, count in chars.items():
        kinds[_char_kind(char)][char] = count
    found = [CharKind(name, sum(c.values()), len(c), _most_frequent(c)) for name, c in kinds.items()]
    return sorted(found, key=lambda kind: (-kind.num_occurrences, kind.name))
