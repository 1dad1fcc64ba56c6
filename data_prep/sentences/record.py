"""One unit of a corpus as a reader finds it: a text or a list of tokens, with tags or entity spans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

# Never changed; not a MappingProxyType, which no other process can be sent.
NO_FEATURES: Mapping[str, list[str]] = {}


class Span(NamedTuple):
    """Characters start .. end - 1 of a text are an entity of this type."""

    start: int
    end: int
    type: str


class Record(NamedTuple):
    """A sentence of tokens, or a text of any length; `sentences_of_records` makes sentences of it.

    Valid are tokens with tags; tokens with text and spans; and text with spans, which is cut into sentences and tokens.
    """

    # Its line in the source, or its number if the format has no lines, from 1.
    number: int
    tokens: list[str] | None = None
    # One for each token, as they stand in the source.
    tags: list[str] | None = None
    text: str | None = None
    # Characters (code points) of the text; in any order.
    spans: list[Span] | None = None
    # Of each token, its first character in the text; None: found by searching for the tokens one after another.
    starts: list[int] | None = None
    # Whether tokens and text are of any length: the tokenizer's sentence ends then hold. Otherwise given tokens are one
    # sentence.
    whole_text: bool = False
    # Of given tokens, the first of each sentence, where the source says so: 0 and others, ascending.
    sentence_starts: list[int] | None = None
    # Token features by name, such as "pos": one value for each token.
    features: Mapping[str, list[str]] = NO_FEATURES
    # The record's own name, "" if it has none.
    id: str = ""
    # The name of its document. None: the source does not say; a text of several sentences is then a document itself.
    document: str | None = None


class Origin(NamedTuple):
    """Where a sentence comes from: what is needed to give back its source exactly."""

    record: str = ""
    document: str = ""
    # The part of the record's text from the end of the sentence before it to its own end; the last sentence's reaches
    # to the end of the text. Joined, they are the record's text. None if the source has only tokens.
    text: str | None = None
    # Where the part begins in the record's text.
    text_start: int = 0
    # Of each token, its first character in the record's text.
    starts: tuple[int, ...] = ()
    # The entities of the source that begin in the part, by characters of the record's text, as (start, end, type).
    spans: tuple[Span, ...] = ()

    def to_bytes(self) -> bytes:
        # Without names or text, as of most sentences of tokens, all are the same.
        return _encode(self).encode("utf-8", "surrogatepass") if self != NO_ORIGIN else _NO_ORIGIN_BYTES

    @classmethod
    def from_bytes(cls, data: bytes) -> Origin:
        record, document, text, text_start, starts, spans = json.loads(data.decode("utf-8", "surrogatepass"))
        return cls(record, document, text, text_start, tuple(starts), tuple(Span(*span) for span in spans))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
NO_ORIGIN = Origin()
_NO_ORIGIN_BYTES = _encode(NO_ORIGIN).encode()
