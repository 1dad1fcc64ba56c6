"""Blocks of whole sentences as flat arrays, one sentence after another.

`SentenceIds` is what a reader yields; `TaggedSentences` is what a writer takes. Axes: N sentences of M tokens in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from data_prep.problems import CorpusError
from data_prep.sentences.record import Origin

# A file without sentence ends must not fill the memory.
MAX_OPEN_TOKENS = 1_000_000

NOTHING = np.zeros(0, np.int32)


class SentenceIds(NamedTuple):
    """N whole sentences: for each of M tokens the ids of its strings, which a `CorpusStrings` numbers."""

    token_M: np.ndarray
    tag_M: np.ndarray
    # Ids of the values of each token feature, in the order of `CorpusStrings.features`.
    feature_FM: list[np.ndarray]
    # Line of each token in its file, from 1.
    line_M: np.ndarray
    length_N: np.ndarray
    # Which document of its file a sentence belongs to, from 1; empty if the file has no documents.
    document_N: np.ndarray = NOTHING
    # Origin.to_bytes() of each sentence; None for columns, whose lines say all there is to say.
    origins: list[bytes] | None = None
    # The same documents' names by number, of those that begin in this block and have a name.
    document_names: Mapping[int, str] = MappingProxyType({})
    # Whether the gold changed how the text was cut, or was changed itself; empty if in no sentence.
    recut_N: np.ndarray = NOTHING
    # The texts of these sentences as the tokenizer alone cuts them, and the number in this block of a sentence of the
    # same record.
    raw: SentenceIds | None = None
    raw_of_R: np.ndarray = NOTHING
    # Whether records with a text are among them.
    has_text: bool = False
    # The types of the entities by characters, including those that no tag expresses.
    span_types: frozenset[str] = frozenset()


class TaggedSentences(NamedTuple):
    """N whole sentences: for each of M tokens its text and its BILOU id among the entity types of its source."""

    text_M: list[str]
    tag_M: np.ndarray
    # The values of each token feature, by name.
    features: dict[str, list[str]]
    length_N: np.ndarray
    # The place of a token, for messages: source and number, such as "corpus.conll:" and a line.
    source: str
    number_M: np.ndarray
    # Empty if the source has no documents; otherwise as in SentenceIds.
    document_N: np.ndarray = NOTHING
    # None if the source says nothing but tokens and tags.
    origins: list[Origin] | None = None

    def where(self, i: int) -> str:
        return f"{self.source}{self.number_M[i]}"

    def sentence_slices(self) -> Iterator[slice]:
        """The positions of each sentence's tokens."""
        ends = np.cumsum(self.length_N).tolist()
        return map(slice, [0, *ends], ends)


class SentenceAssembler:
    """Collects tokens in file order and hands out whole sentences; holds back the sentence that may still go on."""

    def __init__(self, path: str):
        self.path = path
        self.ended = True
        # Of each token: token, tag, line, each feature (see SentenceIds), and whether it is the first of a sentence.
        self.columns: list[np.ndarray] = []
        # The document of each token; empty if the file has none.
        self.document_M = NOTHING

    def end_sentence(self) -> None:
        """The next token begins a sentence, whatever its `opens_M`."""
        self.ended = True

    def add(
        self,
        token_M: np.ndarray,
        tag_M: np.ndarray,
        feature_FM: list[np.ndarray],
        line_M: np.ndarray,
        opens_M: np.ndarray,
        document_M: np.ndarray | None = None,
    ) -> None:
        """opens_M: whether the token is the first of a sentence, bool. document_M: its document, from 1."""
        if not len(token_M):
            return
        if self.ended:
            opens_M[0] = True
            self.ended = False
        added = (token_M, tag_M, line_M, *feature_FM, opens_M)
        self.columns = [np.concatenate(pair) for pair in zip(self.columns, added)] if self.columns else list(added)
        if document_M is not None:
            self.document_M = np.concatenate([self.document_M, document_M])

    def take(self) -> SentenceIds:
        """Remove and return the sentences that are complete. Raises CorpusError if one seems to have no end."""
        if not self.columns:
            return SentenceIds(NOTHING, NOTHING, [], NOTHING, NOTHING)
        token_M, tag_M, line_M, *feature_FM, opens_M = self.columns
        starts = np.flatnonzero(opens_M)
        # Unless it has ended, the last sentence is still open.
        bounds = np.append(starts, len(opens_M)) if self.ended else starts
        end = int(bounds[-1]) if len(bounds) else 0
        if len(opens_M) - end > MAX_OPEN_TOKENS:
            raise CorpusError(
                f"{self.path}:{line_M[end]}: error: no sentence ends within {MAX_OPEN_TOKENS:,} tokens; "
                "are the blank lines between sentences missing?"
            )
        self.columns = [column[end:] for column in self.columns]
        document_N, self.document_M = (
            self.document_M[:end][opens_M[: len(self.document_M[:end])]],
            self.document_M[end:],
        )
        features = [feature_M[:end] for feature_M in feature_FM]
        return SentenceIds(token_M[:end], tag_M[:end], features, line_M[:end], np.diff(bounds), document_N)


def ragged_positions(start_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """Positions start .. start + length - 1 of each row, one row after another: flat, int64."""
    length_N = length_N.astype(np.int64)
    begin_N = np.cumsum(length_N) - length_N
    return np.repeat(start_N - begin_N, length_N) + np.arange(length_N.sum())


def starts_mask(length_N: np.ndarray) -> np.ndarray:
    """Whether each of M tokens is the first of its sentence: bool (M,). Lengths are at least 1."""
    length_N = length_N.astype(np.int64)
    mask_M = np.zeros(length_N.sum(), bool)
    mask_M[np.cumsum(length_N) - length_N] = True
    return mask_M


def add_counts(counts: np.ndarray, id_M: np.ndarray) -> None:
    """Add to `counts`, in place, how often each id occurs."""
    if len(counts) < 8 * len(id_M):
        counts += np.bincount(id_M, minlength=len(counts))
    else:
        # A block contains only little of a large vocabulary.
        ids, times = np.unique(id_M, return_counts=True)
        counts[ids] += times
