"""Raw text -> sentences of tokens with their places: how a text is cut, from its annotation to its prediction.

A shard set, a checkpoint and an export record the TokenizerChoice, so that new text is cut as the corpus was.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist.contract.language_rules import LanguageRules
from ner_dist.errors import UserError

TOKENIZERS = ("rules", "characters", "whitespace")
# Longer sentences are split: text without any punctuation would be a single one.
MAX_TOKENS = 512
# Of our own rules; a change that cuts any text in another way increases it.
_VERSIONS = {"rules": "2", "characters": "1", "whitespace": "1"}
# The characters of a corpus that `choose` looks at.
_SAMPLE_CHARACTERS = 100_000
# Scripts that do not put spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Tai, Kana, Bopomofo, Yi, Han.
_WITHOUT_SPACES = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1780-\u17dd\u1950-\u19df\u1a20-\u1aad\u3005-\u3007"
    "\u3031-\u3035\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua9e0-\ua9fe"
    "\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)

_LINE = re.compile(r"[^\r\n]+")
_WORD = re.compile(r"\S+")
_STOPS = "。．｡！？!?…‥‼⁇⁈⁉︒﹒﹖﹗؟۔।॥၊။།༎។៕"  # noqa: RUF001
_CLOSERS = "」』”’\"'）)】〉》］]〕｣﹂﹄〞〟›»"  # noqa: RUF001


class TokenizedSentence(NamedTuple):
    tokens: list[str]
    # Of each token, its first character in the text, and the one after its last: code points.
    starts: list[int]
    ends: list[int]


@dataclasses.dataclass(frozen=True)
class TokenizerChoice:
    """How texts are cut; the same choice in the same version cuts a text in the same way."""

    # One of TOKENIZERS.
    name: str
    # spaCy's code; "" for a tokenizer that does not depend on the language.
    language: str
    # Of this file's rules, and of spaCy where it is used.
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.language})" if self.language else self.name

    def to_record(self) -> dict[str, str]:
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TokenizerChoice:
        """The inverse of to_record; other fields are ignored. Raises KeyError if one is missing."""
        return cls(str(record["name"]), str(record["language"]), str(record["version"]))

    def is_like(self, other: TokenizerChoice) -> bool:
        """Whether both are the same but for their versions."""
        return (self.name, self.language) == (other.name, other.language)


class Tokenizer:
    """Not for use by several threads at once."""

    def __init__(self, choice: TokenizerChoice) -> None:
        """Light: a language's rules are loaded with the first text."""
        self.choice = choice
        spans = {"characters": _characters, "whitespace": _whitespace}
        self._sentence_spans = spans.get(choice.name) or LanguageRules(choice.language).sentence_spans

    def sentences(self, text: str) -> list[TokenizedSentence]:
        """The sentences of a text, none of them empty, in its order.

        No token contains white space, and every other character is in exactly one. Raises UserError if the language
        is unknown, or if a package for it is missing.
        """
        found = []
        for starts, ends in self._sentence_spans(text):
            for first in range(0, len(starts), MAX_TOKENS):
                some, some_ends = starts[first : first + MAX_TOKENS], ends[first : first + MAX_TOKENS]
                tokens = [text[start:end] for start, end in zip(some, some_ends)]
                found.append(TokenizedSentence(tokens, some, some_ends))
        return found


def choose(name: str, language: str | None, sample_texts: Iterable[str] = ()) -> TokenizerChoice:
    """The tokenizer of this name; "auto" chooses by the first texts of a corpus.

    language: None if the user has named none. Texts that are mostly in scripts without spaces between words are then
    cut into characters, all others by the rules of a language, English if none is named.
    """
    if name == "auto":
        name = "characters" if language is None and _mostly_lack_spaces(sample_texts) else "rules"
    if name not in TOKENIZERS:
        raise UserError(f"--tokenizer {name} does not exist; expected one of auto, {', '.join(TOKENIZERS)}")
    return TokenizerChoice(name, (language or "en").lower() if name == "rules" else "", _current_version(name))


def make_tokenizer(choice: TokenizerChoice) -> Tokenizer:
    """Raises UserError for a name that this code does not know."""
    if choice.name not in TOKENIZERS:
        raise UserError(
            f"the tokenizer {choice.name} is not one of {', '.join(TOKENIZERS)}; use the version of this software "
            "that wrote the shards or the model"
        )
    return Tokenizer(choice)


def other_version(choice: TokenizerChoice) -> str | None:
    """The version of a tokenizer in this environment, if it is another one: it may cut some texts differently."""
    found = _current_version(choice.name)
    return found if found != choice.version else None


def _current_version(name: str) -> str:
    version = _VERSIONS[name]
    return f"{version}+spacy-{'.'.join(_spacy_version().split('.')[:2])}" if name == "rules" else version


def _spacy_version() -> str:
    # Each command needs it at once: importing spaCy takes half a second, and importlib.metadata looks at all packages.
    found = find_spec("spacy")
    about = Path(found.origin).with_name("about.py") if found and found.origin else None
    stated = (
        re.search(r'__version__ = "(.+?)"', about.read_text(encoding="utf-8")) if about and about.is_file() else None
    )
    if stated is None:
        from importlib.metadata import version

        return version("spacy")
    return stated[1]


def lacks_spaces(text: str) -> bool:
    """Whether some of it is in a script without spaces between words."""
    return _WITHOUT_SPACES.search(text) is not None


def _mostly_lack_spaces(sample_texts: Iterable[str]) -> bool:
    num_letters = num_without = num_characters = 0
    for text in sample_texts:
        seen = text[: _SAMPLE_CHARACTERS - num_characters]
        num_characters += len(seen)
        num_letters += sum(map(str.isalpha, seen))
        num_without += sum(map(str.isalpha, _WITHOUT_SPACES.findall(seen)))
        if num_characters >= _SAMPLE_CHARACTERS:
            break
    return 2 * num_without > num_letters


def _whitespace(text: str) -> Iterator[tuple[list[int], list[int]]]:
    """A line is a sentence, and what stands between white space is a token."""
    for line in _LINE.finditer(text):
        yield _spans(_WORD, text, *line.span())


def _characters(text: str) -> Iterator[tuple[list[int], list[int]]]:
    """A character is a token, and a sentence ends after a full stop and at the end of a line."""
    character, sentence_end = _character_patterns()
    borders = [0, *(match.end() for match in sentence_end.finditer(text)), len(text)]
    for begin, end in zip(borders, borders[1:]):
        yield _spans(character, text, begin, end)


def _spans(token: re.Pattern[str], text: str, begin: int, end: int) -> tuple[list[int], list[int]]:
    spans = [match.span() for match in token.finditer(text, begin, end)]
    return [start for start, _ in spans], [end for _, end in spans]


@functools.cache
def _character_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of a character with the marks that follow it, and of a sentence's end."""
    marks = "".join(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
    # Marks include variation selectors; the others join what stands around them, or change its colour.
    marks = f"[{re.escape(marks)}\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    ends = rf"(?:[{re.escape(_STOPS)}]{marks})+(?:[{re.escape(_CLOSERS)}]{marks})*|[\r\n]+"
    return re.compile(rf"\S{marks}"), re.compile(ends)
