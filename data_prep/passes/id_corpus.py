"""A corpus after the first pass: parts of ids on disk, one after another, and what is known of all of them together.

Each part numbers its own strings. `StringMaps` say what the numbers of tags and of the values of features are in the
corpus; tokens have no numbers there, because nobody holds the distinct tokens of all parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cutting.cutter import Cutter
from data_prep.passes.carried import Carried
from data_prep.passes.chunk_file import read_fields
from data_prep.passes.origin_file import Origins
from data_prep.passes.tag_collector import Scheme, SourceTags
from data_prep.sources.source_files import SourceFile


class ReadChunk(NamedTuple):
    """A block of N sentences of M tokens in the spill file; all from one source."""

    # [number of the source, whether these are raw sentences, which follow the block whose records they are of, whether
    # records with a text are among them].
    kind: np.ndarray
    token_M: np.ndarray
    tag_M: np.ndarray
    line_M: np.ndarray
    length_N: np.ndarray
    # Empty if the source has no documents.
    document_N: np.ndarray
    # Empty if no sentence was recut.
    recut_N: np.ndarray
    # Of raw sentences: the sentence of the block before with which each belongs to a split.
    of_N: np.ndarray
    # Where each origin lies in the file of origins, and its size; see origin_file.
    origin_place_N: np.ndarray
    origin_size_N: np.ndarray
    feature_FM: list[np.ndarray]

    @property
    def line_N(self) -> np.ndarray:
        """Line of the first token of each sentence."""
        return self.line_M[np.cumsum(self.length_N) - self.length_N]


class FirstSentence(NamedTuple):
    """The first sentence of a source, as it was read."""

    tokens: list[str]
    tags: list[str]
    features: dict[str, list[str]]


class ReadSource(NamedTuple):
    """What is known about a source after it was read."""

    split: str
    file: SourceFile
    # The name of its format, and what shows it.
    format: str
    evidence: str
    num_sentences: int
    first: FirstSentence | None


class PartTokens(NamedTuple):
    """The distinct tokens of a part, by their numbers there."""

    token_V: list[str]
    # Those of them that are empty or cannot be seen.
    blank: dict[int, str]


class PartStrings(NamedTuple):
    """The other distinct strings of a part, by their numbers there."""

    tag_K: list[str]
    # The distinct values of each token feature.
    features: dict[str, list[str]]


class StringMaps(NamedTuple):
    """The numbers in the corpus of the strings of a part: int64 each."""

    tag_K: np.ndarray
    features: list[np.ndarray]


class CorpusPart(NamedTuple):
    """Some sources that follow one another: their files, and what becomes of their numbers in the corpus."""

    # Of chunks, each a ReadChunk, and of their origins.
    path: Path
    origin_path: Path
    # Of a keyed 64-bit hash (uint64) of each sentence's tokens, in order, without raw sentences; and of that of its
    # document.
    hash_path: Path
    document_path: Path
    # Number of each source, and of its sentences.
    sources: list[tuple[int, int]]
    # Bytes of the origins of all parts before.
    origin_begin: int
    # What is added to the numbers of the documents of the first source, of which the parts before have pieces; and the
    # number of the last document there.
    document_begin: int
    last_document: int
    tokens: Carried[PartTokens]
    # How many different ones there are.
    num_tokens: int
    strings: Carried[PartStrings]
    # None: they are those of the corpus.
    maps: Carried[StringMaps] | None = None

    @property
    def num_sentences(self) -> int:
        return sum(number for _, number in self.sources)

    def chunks(self) -> Iterator[ReadChunk]:
        """The chunks with its own tokens, and everything else as in the corpus."""
        maps = None if self.maps is None else self.maps.get()
        for chunk in read_fields(self.path, ReadChunk):
            if self.document_begin and chunk.kind[0] == self.sources[0][0] and len(chunk.document_N):
                number_N = chunk.document_N.astype(np.int64)
                chunk = chunk._replace(document_N=np.where(number_N > 0, number_N + self.document_begin, 0))
            if self.origin_begin:
                chunk = chunk._replace(origin_place_N=chunk.origin_place_N + self.origin_begin)
            if maps is not None:
                features = [value_P[value_M] for value_P, value_M in zip(maps.features, chunk.feature_FM)]
                chunk = chunk._replace(tag_M=maps.tag_K[chunk.tag_M], feature_FM=features)
            yield chunk

    def remove(self) -> None:
        """Its files but that of the origins, which the shards are made of."""
        for path in (self.path, self.hash_path, self.document_path):
            path.unlink(missing_ok=True)


class IdCorpus(NamedTuple):
    """All sources together."""

    parts: list[CorpusPart]
    origins: Origins
    sources: list[ReadSource]
    # The distinct values of each token feature.
    features: dict[str, list[str]]
    entity_types: list[str]
    # What the tags of each source mean, and their schemes in words.
    tags: list[SourceTags]
    scheme: Scheme
    # Documents of all sources, and whether some have more than one sentence.
    num_documents: int
    any_long: bool
    cutter: Cutter

    @property
    def token_V(self) -> list[str]:
        """The distinct tokens of a corpus that was read as one part."""
        (part,) = self.parts
        return part.tokens.get().token_V

    def distinct_tokens(self) -> Iterator[str]:
        """The distinct tokens in the order of first appearance; memory grows with those that are asked for."""
        seen: set[str] = set()
        for part in self.parts:
            for token in part.tokens.get().token_V:
                if token not in seen:
                    seen.add(token)
                    yield token
