"""Ragged arrays of sentences -> batches: chosen sentences, padded to arrays of one shape.

Axes: T tokens of the longest sentence, B sentences, W distinct words, N distinct spellings, C characters of the longest
spelling with padding on both sides, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.data.sentence_arrays import SentenceArrays


class Batch(NamedTuple):
    """Some sentences, for example one rank's part of a step. Time comes first, as the recurrent layers need it."""

    # Vocabulary ids of the batch's words, ascending, int64; word_TB (int32) holds positions in it.
    word_ids_W: np.ndarray
    word_TB: np.ndarray
    # Characters of each distinct spelling, padded on both sides; spelling_TB holds the row of each token.
    char_NC: np.ndarray
    char_type_NC: np.ndarray
    spelling_TB: np.ndarray
    feature_FTB: np.ndarray
    tag_TB: np.ndarray
    # float32: 1 at tokens, 0 at padding.
    mask_TB: np.ndarray
    length_B: np.ndarray
    sentence_id_B: np.ndarray

    @property
    def num_tokens(self) -> int:
        return int(self.length_B.sum())


class BatchBuilder:
    def __init__(
        self, sentences: SentenceArrays, words: Deduplicator, char_types: np.ndarray, char_padding: int
    ) -> None:
        """words: for ids of the vocabulary; char_types: by character id; char_padding: on either side of a spelling."""
        self.sentences, self._words = sentences, words
        self._spellings = Deduplicator(len(sentences.char_length_N))
        self._char_types, self._char_padding = char_types, char_padding

    def batch(self, rows_B: np.ndarray) -> Batch:
        """The sentences at rows_B, padded to the longest of them."""
        sentences = self.sentences
        length_B = sentences.length_R[rows_B]
        position_T1 = np.arange(length_B.max())[:, None]
        real_TB = position_T1 < length_B
        # Positions in the arrays of tokens, whose last element is padding.
        token_TB = np.where(real_TB, sentences.offset_R[rows_B] + position_T1, len(sentences.word_M) - 1)

        word_TB, spelling_TB = sentences.word_M[token_TB], sentences.spelling_M[token_TB]
        word_ids_W = self._words.find(word_TB[real_TB])
        char_NC = self._characters(self._spellings.find(spelling_TB[real_TB]))
        feature_FTB = np.empty((len(sentences.feature_FM), *real_TB.shape), np.int32)
        for value_TB, value_M in zip(feature_FTB, sentences.feature_FM):
            value_TB[:] = value_M[token_TB]
        return Batch(
            word_ids_W=word_ids_W.astype(np.int64),
            word_TB=self._words.positions(word_TB),
            char_NC=char_NC,
            char_type_NC=self._char_types[char_NC],
            spelling_TB=self._spellings.positions(spelling_TB),
            feature_FTB=feature_FTB,
            tag_TB=sentences.tag_M[token_TB].astype(np.int32),
            mask_TB=real_TB.astype(np.float32),
            length_B=length_B,
            sentence_id_B=sentences.sentence_id_R[rows_B],
        )

    def _characters(self, spelling_N: np.ndarray) -> np.ndarray:
        """char_NC of these spellings."""
        sentences = self.sentences
        length_N1 = sentences.char_length_N[spelling_N][:, None]
        position_C = np.arange(-self._char_padding, int(length_N1.max()) + self._char_padding)
        at_NC = sentences.char_offset_N[spelling_N][:, None] + position_C
        # The last of all characters is padding.
        at_NC = np.where((position_C < 0) | (position_C >= length_N1), len(sentences.char) - 1, at_NC)
        return sentences.char[at_NC].astype(np.int32)


class Deduplicator:
    """Finds the distinct ids below a limit. Its table is reused from call to call and never needs clearing."""

    def __init__(self, limit: int) -> None:
        # One element more, always 0: the limit itself stands for padding.
        self._position = np.zeros(limit + 1, np.int32)

    def find(self, ids_M: np.ndarray) -> np.ndarray:
        """The distinct ids, ascending. Until the next call `positions` refers to them."""
        order_M = np.arange(len(ids_M), dtype=np.int32)
        self._position[ids_M] = order_M
        # Of equal ids only the last finds its own number again.
        distinct = ids_M[self._position[ids_M] == order_M]
        distinct.sort()
        self._position[distinct] = order_M[: len(distinct)]
        return distinct

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """int32: the position of each id among the distinct ids found last; 0 for padding."""
        return self._position[ids]
