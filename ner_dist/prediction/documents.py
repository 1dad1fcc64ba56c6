"""What prediction works on: texts, their sentences as tokens with character positions, and the entities found."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ner_dist.errors import UserError


class Sentence(NamedTuple):
    tokens: list[str]
    # Positions in the document's text: the first character of each token, and the one after its last.
    starts: list[int]
    ends: list[int]
    # Parts of speech, if the input has them.
    pos: list[str] | None = None


class Entity(NamedTuple):
    """An entity of a document: `document.text[start:end] == text`."""

    start: int
    end: int
    type: str
    # The model's probability of exactly this span and type, from 0 to 1.
    confidence: float
    text: str
    # The index of its sentence in the document, of its first token there, and of the token after its last.
    sentence: int
    first_token: int
    end_token: int

    def to_record(self) -> dict[str, Any]:
        """Its fields for JSON, the confidence rounded to six decimals."""
        return {**self._asdict(), "confidence": round(self.confidence, 6)}


class Document(NamedTuple):
    """One text of the input; positions of tokens and entities count its characters (code points) from 0."""

    text: str
    sentences: list[Sentence]
    entities: Sequence[Entity] = ()
    # Position of the text in its file, in characters.
    offset: int = 0
    # Other fields of the input record, which are copied to the output.
    others: Mapping[str, object] = MappingProxyType({})

    @property
    def num_tokens(self) -> int:
        return sum(len(sentence.tokens) for sentence in self.sentences)


def document_of_tokens(sentences: list[list[str]], pos: list[list[str]] | None = None) -> Document:
    """A document of sentences that are tokenized already; its text joins tokens by spaces and sentences by newlines.

    pos: one part of speech per token. Raises UserError for an empty token, and if a sentence has fewer or more parts
    of speech than tokens.
    """
    found, position = [], 0
    for tokens, sentence_pos in zip(sentences, itertools.repeat(None) if pos is None else pos):
        if not all(tokens):
            raise UserError(f"token {tokens.index('') + 1} of {tokens} is empty; leave empty tokens out")
        if sentence_pos is not None and len(sentence_pos) != len(tokens):
            raise UserError(
                f"{len(tokens)} tokens, {tokens}, but {len(sentence_pos)} parts of speech; expected one per token"
            )
        # The separators count, too.
        starts = list(itertools.accumulate((len(token) + 1 for token in tokens), initial=position))
        position = starts.pop()
        # A sentence without tokens is an empty line.
        position += not tokens
        ends = [start + len(token) for start, token in zip(starts, tokens)]
        found.append(Sentence(list(tokens), starts, ends, sentence_pos))
    return Document("\n".join(" ".join(tokens) for tokens in sentences), found)
