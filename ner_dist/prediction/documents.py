"""What prediction works on: texts, their sentences as tokens with character positions, and the entities found."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.foreign.names import shortened

NO_FEATURES: Mapping[str, list[str]] = MappingProxyType({})


class Sentence(NamedTuple):
    tokens: list[str]
    # Positions in the document's text: the first character of each token, and the one after its last.
    starts: list[int]
    ends: list[int]
    # What the input says about the tokens, such as "pos": one value for each token.
    features: Mapping[str, list[str]] = NO_FEATURES
    # The model's probability of its best reading, which says where all its entities are or that there are none, and
    # that minus the probability of the second best. Both are 1 without tokens, and before it is tagged.
    confidence: float = 1.0
    margin: float = 1.0


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
    # Lines of CoNLL input that stand before it: comments and marks of documents.
    head: Sequence[str] = ()

    @property
    def num_tokens(self) -> int:
        return sum(len(sentence.tokens) for sentence in self.sentences)

    @property
    def confidence(self) -> float:
        """The model's probability that the best readings of all its sentences are right."""
        return math.prod(sentence.confidence for sentence in self.sentences)

    @property
    def margin(self) -> float:
        """The least of its sentences' margins."""
        return min((sentence.margin for sentence in self.sentences), default=1.0)


def certainty_record(certain: Sentence | Document) -> dict[str, float]:
    """Confidence and margin for JSON, in six significant digits: those of long documents are small."""
    return {"confidence": float(f"{certain.confidence:.6g}"), "margin": float(f"{certain.margin:.6g}")}


def is_one_sentence(sentences: Any) -> bool:
    """Whether these are the tokens of one sentence, not several sentences. Raises TypeError if they are neither."""
    if isinstance(sentences, str) or not _is_list(sentences):
        raise TypeError(
            f"tag_tokens() was given {shortened(sentences)}, expected the tokens of a sentence, or several such lists; "
            "texts are for tag()"
        )
    is_token = [isinstance(each, str) for each in sentences]
    odd = [
        each for each, is_text in zip(sentences, is_token) if is_text != is_token[0] or not (is_text or _is_list(each))
    ]
    if odd:
        raise TypeError(
            f"tag_tokens() was given {shortened(odd[0])} among others, expected tokens only, or lists of tokens only"
        )
    return any(is_token)


def _is_list(value: object) -> bool:
    """Whether it has an order and a length, as lists, tuples and arrays do."""
    return isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray, Set, Mapping))


def document_of_tokens(
    sentences: Sequence[Sequence[str]], features: Mapping[str, Sequence[Sequence[str]]] = MappingProxyType({})
) -> Document:
    """A document of sentences that are tokenized already; its text joins tokens by spaces and sentences by newlines.

    features: by name, one value per token. Raises UserError for an empty token, and if a feature has not as many
    sentences as the tokens, or a sentence of it not as many values as tokens.
    """
    for name, values in features.items():
        if len(values) != len(sentences):
            raise UserError(f"{len(sentences)} sentences of tokens, but {len(values)} of {name}")
    found, position = [], 0
    for i, tokens in enumerate(sentences):
        starts, ends, position = _joined_places(tokens, position)
        of_sentence = {name: list(values[i]) for name, values in features.items()}
        found.append(checked_sentence(Sentence(list(tokens), starts, ends, of_sentence)))
    return Document("\n".join(" ".join(tokens) for tokens in sentences), found)


def _joined_places(tokens: Sequence[str], position: int) -> tuple[list[int], list[int], int]:
    """Starts and ends of tokens that are joined by spaces from a position on, and where the next line begins."""
    # The separators count, too.
    starts = list(itertools.accumulate((len(token) + 1 for token in tokens), initial=position))
    # A sentence without tokens is an empty line.
    position = starts.pop() + (len(tokens) == 0)
    return starts, [start + len(token) for start, token in zip(starts, tokens)], position


def document_with_tokens(
    text: str, tokens: list[str], starts: list[int] | None = None, features: Mapping[str, list[str]] = NO_FEATURES
) -> Document:
    """A document of a text and its tokens, which are one sentence.

    starts: of the tokens in the text; None: each token is the next place where its characters stand. Raises UserError
    for a token that the text does not have there.
    """
    found: list[int] = []
    position = 0
    for number, token in enumerate(tokens):
        place = text.find(token, position) if starts is None else starts[number]
        if place < position or not text.startswith(token, place):
            raise UserError(
                f"token {number + 1}, {token!r}, does not stand in the text from character {position} on; expected the "
                "tokens in their order, spelt as in the text"
            )
        found.append(place)
        position = place + len(token)
    if text.strip() and not tokens:
        raise UserError("a text, but an empty list of tokens; leave the list out to have the text cut into tokens")
    ends = [start + len(token) for start, token in zip(found, tokens)]
    return Document(text, [checked_sentence(Sentence(tokens, found, ends, features))])


def checked_sentence(sentence: Sentence) -> Sentence:
    """The same sentence. Raises UserError for an empty token, and for a feature of another length."""
    tokens = sentence.tokens
    if not all(tokens):
        raise UserError(f"token {tokens.index('') + 1} of {tokens} is empty; leave empty tokens out")
    for name, values in sentence.features.items():
        if len(values) != len(tokens):
            raise UserError(
                f"{len(tokens)} tokens, {tokens}, but {len(values)} values of {name}; expected one per token"
            )
    return sentence
