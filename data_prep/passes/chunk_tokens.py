"""A chunk of the first pass: what is told of its sentences, and what is left of it without blank tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.dirt.policies import FAIL
from data_prep.passes.blank_tokens import blank_places, remaining
from data_prep.passes.id_corpus import ReadChunk
from data_prep.passes.origin_file import Origins
from data_prep.passes.wrong_tags import SentenceFacts
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.settings import Settings


def block_of(chunk: ReadChunk) -> SentenceIds:
    return SentenceIds(chunk.token_M, chunk.tag_M, chunk.feature_FM, chunk.line_M, chunk.length_N)


def facts_of(chunk: ReadChunk, token_V: Sequence[str], origins: Origins) -> SentenceFacts:
    def document(n: int) -> str:
        place = slice(n, n + 1)
        return origins.read(chunk.origin_place_N[place], chunk.origin_size_N[place])[0].document

    return SentenceFacts(lambda token_L: [token_V[token] for token in token_L.tolist()], document)


def blank_to_drop(chunk: ReadChunk, blank: Mapping[int, str], origins: Origins, settings: Settings) -> np.ndarray:
    """The positions of the blank tokens that are to be left out."""
    if settings.policies.on_blank_token == FAIL or not np.isin(chunk.token_M, list(blank)).any():
        return NOTHING
    found = origins.read(chunk.origin_place_N, chunk.origin_size_N) if chunk.kind[2] else None
    return blank_places(block_of(chunk), blank, found)


# The fields of a chunk that have a value for each sentence.
BY_SENTENCE = ("document_N", "recut_N", "origin_place_N", "origin_size_N")


def chunk_without(chunk: ReadChunk, place_P: np.ndarray) -> tuple[ReadChunk, np.ndarray]:
    """The chunk, whose tags are without these tokens, without them; and the numbers of the sentences that are left."""
    kept_M, sentence_N, length_N = remaining(chunk.length_N, place_P)
    by_sentence = {
        field: values[sentence_N] if len(values := getattr(chunk, field)) else values for field in BY_SENTENCE
    }
    chunk = chunk._replace(
        token_M=chunk.token_M[kept_M],
        line_M=chunk.line_M[kept_M],
        feature_FM=[feature_M[kept_M] for feature_M in chunk.feature_FM],
        length_N=length_N,
        **by_sentence,
    )
    return chunk, sentence_N
