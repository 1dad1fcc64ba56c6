"""Raw text -> sentences of tokens that know their places, by spaCy's rules for a language; no model, no download."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Sentence

# Longer sentences are parted: text without any punctuation would else be one.
MAX_TOKENS = 512
# spaCy keeps every string it meets; after so many tokens it is begun anew, so that memory stays flat.
_TOKENS_OF_A_PIPELINE = 2_000_000


# spaCy's rule that parts 3-1.
_BETWEEN_DIGITS = r"(?<=[0-9])[+\-\*^](?=[0-9-])"


class Segmenter:
    def __init__(self, language: str) -> None:
        self._language = language
        self._pipeline: Any = None
        self._num_tokens = 0

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of a text; white space is in none of its tokens. Raises UserError without spaCy."""
        borders = [0, *cuts(text), len(text)]
        parts = (self._sentences(text[first:last], first) for first, last in zip(borders, borders[1:]))
        return list(itertools.chain.from_iterable(parts))

    def _sentences(self, text: str, offset: int) -> Iterator[Sentence]:
        """offset: of the text in its document."""
        if self._pipeline is None or self._num_tokens > _TOKENS_OF_A_PIPELINE:
            self._pipeline, self._num_tokens = _pipeline(self._language), 0
        document = self._pipeline(text)
        self._num_tokens += len(document)
        for sentence in document.sents:
            tokens = [(token.text, offset + token.idx) for token in sentence if not token.is_space]
            for first in range(0, len(tokens), MAX_TOKENS):
                part = tokens[first : first + MAX_TOKENS]
                starts = [start for _, start in part]
                ends = [start + len(token) for token, start in part]
                yield Sentence([token for token, _ in part], starts, ends)


def _pipeline(language: str) -> Any:
    """spaCy's tokenizer, which keeps the places of characters, and its rules for the ends of sentences."""
    try:
        import spacy
        from spacy.lang.char_classes import HYPHENS
    except ImportError as error:
        raise UserError(
            "raw text is parted into tokens by spaCy, which is not installed; pip install -e '.[predict]', or give "
            "tokens"
        ) from error
    try:
        pipeline = spacy.blank(language)
    except ImportError as error:
        raise UserError(f"--language {language} is none of spaCy's; expected a code such as en, de or xx") from error
    # In the corpora that taggers are trained on, a hyphen parts neither words nor numbers: German-speaking, 1996-08-22.
    infixes = [rule for rule in pipeline.Defaults.infixes or () if HYPHENS not in rule and rule != _BETWEEN_DIGITS]
    pipeline.tokenizer.infix_finditer = spacy.util.compile_infix_regex(infixes).finditer
    pipeline.add_pipe("sentencizer")
    # Only a model's memory would need this limit.
    pipeline.max_length = 1 << 40
    return pipeline


# spaCy takes signs off a word's ends one by one, and looks at all of the word each time: 20,000 brackets without a
# space took it 34 seconds. So many signs in a row, and characters without white space, cost it some milliseconds.
_MAX_SIGNS, _MAX_RUN = 128, 1000
_RUN = re.compile(r"\S+")
# Whatever it takes off one by one: 's is the only one of letters.
_SIGNS = re.compile(r"(?:[^\w\s]|_|['’][sS])+")  # noqa: RUF001


def cuts(text: str) -> Iterator[int]:
    """Places within runs that are too long, rising; none in ordinary text."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() > _MAX_SIGNS:
            yield from sorted(_cuts_of_run(text, run.start(), run.end()))


def _cuts_of_run(text: str, start: int, end: int) -> set[int]:
    cuts = set(range(start + _MAX_RUN, end, _MAX_RUN))
    for signs in _SIGNS.finditer(text, start, end):
        cuts.update(range(signs.start() + _MAX_SIGNS, signs.end(), _MAX_SIGNS))
    return cuts
