"""A text with its sentences and entities as a document of spaCy's DocBin (.spacy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ner_dist.tool_formats.spanned_text import SpannedText

# What is stored of each token, besides itself.
ATTRIBUTES = ("TAG", "SENT_START", "ENT_IOB", "ENT_TYPE")


class _Words:
    """A text as spaCy's words, each followed by a space or not: white space beyond single spaces is a word."""

    def __init__(self, record: SpannedText) -> None:
        self.words: list[str] = []
        self.has_space: list[bool] = []
        # Of each token, its place among the words.
        self.places: list[int] = []
        end = 0
        for token, start in zip(record.tokens, record.starts):
            self._add_gap(record.text[end:start])
            self.places.append(len(self.words))
            self.words.append(token)
            self.has_space.append(False)
            end = start + len(token)
        self._add_gap(record.text[end:])

    def _add_gap(self, gap: str) -> None:
        if self.words and gap.startswith(" "):
            self.has_space[-1] = True
            gap = gap[1:]
        if gap:
            self.words.append(gap)
            self.has_space.append(False)


def new_docbin() -> Any:
    """An empty DocBin. It keeps all of its documents in memory, compactly."""
    # Late, because it takes half a second.
    from spacy.tokens import DocBin

    return DocBin(ATTRIBUTES, store_user_data=True)


def docbin_document(
    vocab: Any, record: SpannedText, user_data: Mapping[str, object], pos: Sequence[str] | None = None
) -> Any:
    """vocab: spaCy's Vocab, which its documents share. pos: part of speech of each token, as spaCy's tags."""
    from spacy.tokens import Doc, Span

    found = _Words(record)
    places = found.places
    firsts = {0, *(places[first] for first in record.sentence_starts[1:])}
    tags = None
    if pos is not None:
        # A word of white space has no part of speech.
        of_words = dict(zip(places, pos))
        tags = [of_words.get(place, "") for place in range(len(found.words))]
    document = Doc(
        vocab,
        words=found.words,
        spaces=found.has_space,
        user_data=dict(user_data),
        tags=tags,
        sent_starts=[place in firsts for place in range(len(found.words))],
    )
    # All other words are outside.
    document.set_ents(
        [Span(document, places[first], places[end - 1] + 1, kind) for first, end, kind in record.entities]
    )
    return document
