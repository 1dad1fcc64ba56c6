"""What prediction works on: texts, their sentences as tokens with their places, and the entities found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ner_dist.errors import UserError


class Sentence(NamedTuple):
    tokens: list[str]
    # Characters of the document's text: where each token begins, and the one after its last.
    starts: list[int]
    ends: list[int]
    # Parts of speech, if the input has any.
    pos: list[str] | None = None


class Entity(NamedTuple):
    """An entity of a document: `document.text[start:end] == text`."""

    start: int
    end: int
    type: str
    # The model's probability of exactly this span and type, from 0 to 1.
    confidence: float
    text: str
    # The sentence of the document, its first token there, and the one after its last.
    sentence: int
    first_token: int
    end_token: int


class Document(NamedTuple):
    """One text of the input; places of tokens and entities count its characters (code points) from 0."""

    text: str
    sentences: list[Sentence]
    entities: Sequence[Entity] = ()
    # Where the text begins in its file, in characters.
    offset: int = 0
    # What else the input says of it, for the output.
    others: Mapping[str, object] = MappingProxyType({})


def of_tokens(sentences: list[list[str]], pos: list[list[str]] | None = None) -> Document:
    """Sentences that are tokens already; the text has a space between tokens and a line a sentence.

    Raises UserError for an empty token, and for parts of speech that are not one a token.
    """
    found, place = [], 0
    for number, tokens in enumerate(sentences):
        if not all(tokens):
            raise UserError(f"token {tokens.index('') + 1} of {tokens} is empty; leave empty tokens out")
        of_sentence = pos[number] if pos is not None else None
        if of_sentence is not None and len(of_sentence) != len(tokens):
            raise UserError(f"{len(tokens)} tokens, {tokens}, but {len(of_sentence)} parts of speech; give one a token")
        starts, ends = [], []
        for token in tokens:
            starts.append(place)
            place += len(token)
            ends.append(place)
            place += 1
        # A sentence without tokens is an empty line.
        place += not tokens
        found.append(Sentence(list(tokens), starts, ends, of_sentence))
    return Document("\n".join(" ".join(tokens) for tokens in sentences), found)
