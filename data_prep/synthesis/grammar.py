"""Reads grammar.ini, the language of the synthetic corpus, which explains its notation."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path
from typing import NamedTuple


class WordClass(NamedTuple):
    pos: str
    words: list[str]


def _alternatives(definition: str) -> list[list[str]]:
    """The alternatives of a rule, each a list of parts, repeated according to its weight."""
    found: list[list[str]] = []
    for alternative in " ".join(definition.split()).split(" | "):
        weight, star, rest = alternative.rpartition("* ")
        found += [rest.split()] * (int(weight) if star else 1)
    return found


_parser = RawConfigParser(delimiters="=", comment_prefixes="#")
# Names keep their capitals.
_parser.optionxform = str  # type: ignore[assignment,method-assign]
_parser.read(Path(__file__).with_name("grammar.ini"), encoding="utf-8")

RULES = {name: _alternatives(definition) for name, definition in _parser["rules"].items()}
CLASSES = {head.split()[0]: WordClass(head.split()[-1], words.split()) for head, words in _parser["classes"].items()}
NAMES = {name: words.split() for name, words in _parser["names"].items()}
ENDINGS = {kind: words.split() for kind, words in _parser["endings"].items()}
