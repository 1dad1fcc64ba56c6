"""Raw text -> sentences of tokens with their positions, by spaCy's rules for a language; no model, no download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Sentence

# Longer sentences are split: text without any punctuation would be a single one.
MAX_TOKENS = 512
# spaCy keeps every string it has seen; after this many tokens the pipeline is built anew, so that memory stays flat.
_TOKENS_PER_PIPELINE = 2_000_000
# spaCy's rule that splits 3-1.
_BETWEEN_DIGITS = r"(?<=[0-9])[+\-\*^](?=[0-9-])"
# spaCy strips punctuation from a word's ends one character at a time and looks at the whole rest of the word each
# time: 20,000 brackets without a space took 34 seconds. Pieces of these lengths take a few milliseconds.
_MAX_WORD, _MAX_PUNCTUATION = 1000, 128
_WORD = re.compile(r"\S+")
# All that spaCy strips one by one; 's is the only one that has a letter.
_PUNCTUATION = re.compile(r"(?:[^\w\s]|_|['’][sS])+")  # noqa: RUF001


class Segmenter:
    def __init__(self, language: str) -> None:
        self._language = language
        self._pipeline: Any = None
        self._num_tokens = 0

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of a text; no token contains white space."""
        found = []
        borders = [0, *split_positions(text), len(text)]
        for offset, end in zip(borders, borders[1:]):
            if self._pipeline is None or self._num_tokens > _TOKENS_PER_PIPELINE:
                self._pipeline, self._num_tokens = _make_pipeline(self._language), 0
            document = self._pipeline(text[offset:end])
            self._num_tokens += len(document)
            for sentence in document.sents:
                tokens = [(token.text, offset + token.idx) for token in sentence if not token.is_space]
                for first in range(0, len(tokens), MAX_TOKENS):
                    part = tokens[first : first + MAX_TOKENS]
                    starts, ends = [start for _, start in part], [start + len(token) for token, start in part]
                    found.append(Sentence([token for token, _ in part], starts, ends))
        return found


def split_positions(text: str) -> Iterator[int]:
    """Where to split words that are too long for spaCy, in ascending order; none in ordinary text."""
    for word in _WORD.finditer(text):
        start, end = word.span()
        if end - start <= _MAX_PUNCTUATION:
            continue
        positions = set(range(start + _MAX_WORD, end, _MAX_WORD))
        for punctuation in _PUNCTUATION.finditer(text, start, end):
            positions.update(range(punctuation.start() + _MAX_PUNCTUATION, punctuation.end(), _MAX_PUNCTUATION))
        yield from sorted(positions)


def _make_pipeline(language: str) -> Any:
    """spaCy's tokenizer, which keeps character positions, and its rules for sentence ends."""
    # Late, because it takes half a second, and tokens do not need it.
    import spacy
    from spacy.lang.char_classes import HYPHENS

    try:
        pipeline = spacy.blank(language)
    except ImportError as error:
        raise UserError(
            f"--language {language} is not a language code of spaCy's; expected one such as en, de or xx"
        ) from error
    # The corpora that taggers are trained on do not split at hyphens: German-speaking, 1996-08-22.
    infixes = [rule for rule in pipeline.Defaults.infixes or () if HYPHENS not in rule and rule != _BETWEEN_DIGITS]
    pipeline.tokenizer.infix_finditer = spacy.util.compile_infix_regex(infixes).finditer
    pipeline.add_pipe("sentencizer")
    # spaCy's limit is for the memory of models, and there is none here.
    pipeline.max_length = 1 << 40
    return pipeline
