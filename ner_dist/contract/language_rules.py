"""spaCy's rules for the tokens of a language and for the ends of sentences; no model, no download.

Tokens are spans of the text: lists of their first characters and of those after their last.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from typing import Any

from ner_dist.errors import UserError

# An empty line, with the white space after it: it ends a sentence, whatever stands before it.
BLANK_LINES = re.compile(r"(?:\r\n|\n|\r(?!\n))[^\S\r\n]*(?:\r\n|\n|\r(?!\n))\s*")
# Packages that spaCy's own rules for a language need, as pip names them.
_PACKAGES = {
    "ja": "sudachipy sudachidict_core",
    "ko": "natto-py (and install the programs mecab-ko and mecab-ko-dic)",
    "th": "pythainlp",
    "vi": "pyvi",
}
# spaCy keeps every string it has seen; after this many the pipeline is built anew, so that memory stays flat.
_MOST_STRINGS = 400_000
# Words whose tokens are remembered; spaCy's own limit of 10,000 makes long texts 40 % slower.
_CACHED_WORDS = 200_000
# spaCy's rule that splits 3-1.
_BETWEEN_DIGITS = r"(?<=[0-9])[+\-\*^](?=[0-9-])"
# Anywhere in a word; spaCy's own rule, for all languages that have it, wants letters on both sides.
_DASHES = "[—―]+"
# spaCy strips punctuation from a word's ends one character at a time and looks at the whole rest of the word each
# time: 20,000 brackets without a space took 34 seconds. Pieces of these lengths take a few milliseconds.
_MAX_WORD, _MAX_PUNCTUATION = 1000, 128
_LONG_WORD = re.compile(rf"(?<!\S)\S{{{_MAX_PUNCTUATION + 1},}}")
# All that spaCy strips one by one; 's is the only one that has a letter.
_PUNCTUATION = re.compile(r"(?:[^\w\s]|_|['’][sS])+")  # noqa: RUF001
_SURROGATE = re.compile("[\ud800-\udfff]")
# What a package is given at a time; SudachiPy takes 49,149 bytes at most.
_PACKAGE_CHARACTERS = 10_000
_PIECE = re.compile(r"\s+|\S+")


class LanguageRules:
    def __init__(self, language: str) -> None:
        """language: spaCy's code. Its rules are loaded with the first text."""
        self._language = language
        self._pipeline: _Pipeline | None = None

    def sentence_spans(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        """Starts and ends of the tokens of each sentence, which may have none.

        Raises UserError if the language is unknown, or if a package for it is missing.
        """
        borders = [0, *split_positions(text), len(text)]
        for offset, end in zip(borders, borders[1:]):
            if self._pipeline is None or self._pipeline.num_strings() > _MOST_STRINGS:
                self._pipeline = _Pipeline(self._language)
            for starts, ends in self._pipeline.sentence_spans(text[offset:end]):
                if offset:
                    starts, ends = [offset + start for start in starts], [offset + end for end in ends]
                yield starts, ends


def split_positions(text: str) -> Iterator[int]:
    """Where to split words that are too long for spaCy, in ascending order; none in ordinary text."""
    for word in _LONG_WORD.finditer(text):
        start, end = word.span()
        positions = set(range(start + _MAX_WORD, end, _MAX_WORD))
        for punctuation in _PUNCTUATION.finditer(text, start, end):
            positions.update(range(punctuation.start() + _MAX_PUNCTUATION, punctuation.end(), _MAX_PUNCTUATION))
        yield from sorted(positions)


class _Pipeline:
    """spaCy's tokenizer of a language, and its rules for sentence ends computed on arrays."""

    def __init__(self, language: str) -> None:
        # Late, because it takes a third of a second, and tokens do not need it.
        _import_spacy()
        from spacy import attrs, util
        from spacy.lang.char_classes import HYPHENS
        from spacy.pipeline import Sentencizer
        from spacy.tokenizer import Tokenizer as SpacyTokenizer

        pipeline = _blank(language)
        # spaCy's limit is for the memory of models, and there is none here.
        pipeline.max_length = 1 << 40
        self._vocab, self._make_doc = pipeline.vocab, pipeline.make_doc
        stops = frozenset(Sentencizer.default_punct_chars)
        # Of each new word only what is used here is computed, which is half of the work.
        getters = pipeline.vocab.lex_attr_getters
        pipeline.vocab.lex_attr_getters = {name: getters[name] for name in (attrs.IS_SPACE, attrs.IS_PUNCT)}
        is_stop = pipeline.vocab.add_flag(lambda token: token in stops)
        self._columns = [attrs.IDX, attrs.LENGTH, attrs.IS_SPACE, attrs.IS_PUNCT, is_stop]
        # Tokenizers of packages lose white space, or write a word in another way.
        self._is_exact = isinstance(pipeline.tokenizer, SpacyTokenizer)
        if self._is_exact:
            # The corpora that taggers are trained on do not split at hyphens: German-speaking, 1996-08-22. Dashes
            # between words do not join them: Picard—the captain—left.
            infixes = [rule for rule in pipeline.Defaults.infixes or () if rule != _BETWEEN_DIGITS]
            infixes = [*(rule.replace(HYPHENS, HYPHENS.replace("-|", "", 1)) for rule in infixes), _DASHES]
            pipeline.tokenizer.infix_finditer = util.compile_infix_regex(infixes).finditer
            pipeline.tokenizer.max_cache_size = _CACHED_WORDS
            is_address = pipeline.tokenizer.url_match
            if is_address is not None:
                # Its pattern is slow, and no address lacks a full stop.
                pipeline.tokenizer.url_match = lambda word: is_address(word) if "." in word else None

    def num_strings(self) -> int:
        return len(self._vocab.strings)

    def sentence_spans(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        """Sentences as spaCy's Sentencizer finds them, and one after each blank line.

        A sentence begins with a token that is no punctuation, after a stop that came after the last such token.
        """
        # A lone surrogate is not text, but must not stop the texts around it.
        sound = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        after_blank = {match.end() for match in BLANK_LINES.finditer(text)}
        document = self._make_doc(sound) if self._is_exact else self._exact(sound, sorted(after_blank))
        starts: list[int] = []
        ends: list[int] = []
        seen_stop = False
        # As numbers: an object for each token would take several times as long.
        for start, length, is_space, is_punctuation, is_stop in document.to_array(self._columns).tolist():
            if (seen_stop and not is_punctuation and not is_stop) or start in after_blank:
                yield starts, ends
                starts, ends, seen_stop = [], [], bool(is_stop)
            elif is_stop:
                seen_stop = True
            if not is_space:
                starts.append(start)
                ends.append(start + length)
        yield starts, ends

    def _exact(self, text: str, borders: list[int]) -> Any:
        """A document that consists of every character of the text; what lies between borders is cut by itself."""
        from spacy.tokens import Doc

        pieces: list[str] = []
        for begin, end in zip([0, *borders], [*borders, len(text)]):
            for first in range(begin, end, _PACKAGE_CHARACTERS):
                part = text[first : min(end, first + _PACKAGE_CHARACTERS)]
                pieces += _pieces(part, " ".join(token.text for token in self._make_doc(part)).split())
        return Doc(self._vocab, words=pieces, spaces=[False] * len(pieces))


def _pieces(text: str, words: list[str]) -> list[str]:
    """The text cut where these words begin and end; words that it does not contain are left out."""
    pieces: list[str] = []
    position = 0
    for word in words:
        # Near by: a word that a package writes in another way may occur much later.
        place = text.find(word, position, position + len(word) + _MAX_PUNCTUATION)
        if place >= 0:
            pieces += [*_PIECE.findall(text[position:place]), word]
            position = place + len(word)
    return pieces + _PIECE.findall(text[position:])


def _import_spacy() -> None:
    """spaCy without its command line, which takes as long to load as a third of all the rest, and is not used here."""
    names = ("spacy.cli", "spacy.cli.info")
    if "spacy" in sys.modules or any(name in sys.modules for name in names):
        return
    stand_ins = {name: types.ModuleType(name) for name in names}
    stand_ins["spacy.cli.info"].info = _info  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)
    try:
        import spacy  # noqa: F401
    finally:
        # Whoever wants them finds the true ones.
        for name in names:
            sys.modules.pop(name, None)


def _info(*arguments: Any, **others: Any) -> Any:
    """spacy.info, if anybody calls it."""
    from spacy.cli.info import info

    return info(*arguments, **others)


def _blank(language: str) -> Any:
    """spaCy's pipeline of a language with its tokenizer alone. Raises UserError."""
    import spacy

    try:
        pipeline = spacy.blank(language)
        # Some packages look for their dictionary only now.
        pipeline.make_doc("a")
        return pipeline
    # Each package has errors of its own.
    except Exception as error:
        if language in _PACKAGES:
            raise UserError(
                f"--language {language}: spaCy's rules for it need a package that is not installed or not complete; "
                f"pip install {_PACKAGES[language]}, or take --tokenizer characters, which needs none"
            ) from error
        if not isinstance(error, (ImportError, AttributeError)):
            raise
        raise UserError(
            f"--language {language} is not a language code of spaCy's; expected one such as en, de or xx, or "
            "--tokenizer characters or whitespace, which need none"
        ) from error
