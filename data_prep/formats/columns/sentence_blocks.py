"""Sentences that a format's reader has parsed one by one -> blocks of ids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.corpus_format import Source
from data_prep.sentences.block import SentenceIds

BLOCK_SENTENCES = 2000


class ParsedSentence(NamedTuple):
    """A sentence, with the values of the token features in the order of the corpus."""

    tokens: list[str]
    tags: list[str]
    features: list[list[str]]
    # Of each token.
    lines: list[int]
    # Number of its document, 0 if it has none.
    document: int = 0


def sentence_blocks(
    source: Source, sentences: Iterator[ParsedSentence], origins: ColumnOrigins
) -> Iterator[SentenceIds]:
    """origins: numbers and names the documents."""
    strings = source.strings
    while batch := list(itertools.islice(sentences, BLOCK_SENTENCES)):
        block = SentenceIds(
            strings.token.ids([token for sentence in batch for token in sentence.tokens]),
            strings.tag.ids([tag for sentence in batch for tag in sentence.tags]),
            [
                ids.ids([value for sentence in batch for value in sentence.features[place]])
                for place, ids in enumerate(strings.features.values())
            ],
            np.array([line for sentence in batch for line in sentence.lines], np.int64),
            np.array([len(sentence.tokens) for sentence in batch], np.int64),
            np.array([sentence.document for sentence in batch], np.int64),
        )
        yield origins.complete(block)
