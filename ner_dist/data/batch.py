"""Flat arrays of sentences -> batches: chosen sentences padded into arrays of one shape.

Axes: T tokens of the longest sentence, B sentences, W distinct words, N distinct forms (spellings),
P characters of the longest form, C the same with padding on both sides, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.data.sentence_arrays import SentenceArrays


class Batch(NamedTuple):
    """Some sentences, such as one rank's part of a step. Time comes first, as the recurrent layers want it."""

    # Vocabulary ids of the batch's words, rising, int64 (W); word_TB (int32) points into it.
    word_ids_W: np.ndarray
    word_TB: np.ndarray
    # Characters of each distinct form, padded on both sides; a token finds its own through spelling_TB.
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


class Batcher:
    """Makes batches of the sentences of a Flat."""

    def __init__(self, flat: SentenceArrays, words: Deduplicator, char_types: np.ndarray, char_padding: int) -> None:
        """words: for the ids of the vocabulary; char_types: by character; char_padding: on both sides of a form."""
        self._flat, self._words = flat, words
        self._forms = Deduplicator(len(flat.char_length_N))
        self._char_types, self._char_padding = char_types, char_padding

    def batch(self, rows: np.ndarray) -> Batch:
        """The sentences at rows, (B,), padded to the longest of them."""
        flat = self._flat
        length_B = flat.length_R[rows]
        # (T, B) positions of tokens in the flat arrays, of which the last is padding.
        offset_T1 = np.arange(length_B.max())[:, None]
        real_TB = offset_T1 < length_B
        at_TB = np.where(real_TB, flat.first_R[rows] + offset_T1, len(flat.word_M) - 1)

        word_TB, spelling_TB = flat.word_M[at_TB], flat.spelling_M[at_TB]
        word_ids_W = self._words.find(word_TB[real_TB])
        char_NC = self._characters(self._forms.find(spelling_TB[real_TB]))
        feature_FTB = np.empty((len(flat.feature_FM), *real_TB.shape), np.int32)
        for values_TB, feature_M in zip(feature_FTB, flat.feature_FM):
            values_TB[:] = feature_M[at_TB]
        return Batch(
            word_ids_W=word_ids_W.astype(np.int64),
            word_TB=self._words.places(word_TB),
            char_NC=char_NC,
            char_type_NC=self._char_types[char_NC],
            spelling_TB=self._forms.places(spelling_TB),
            feature_FTB=feature_FTB,
            tag_TB=flat.tag_M[at_TB].astype(np.int32),
            mask_TB=real_TB.astype(np.float32),
            length_B=length_B,
            sentence_id_B=flat.sentence_id_R[rows],
        )

    def _characters(self, form_ids_N: np.ndarray) -> np.ndarray:
        """char_NC of these forms."""
        flat = self._flat
        length_N1 = flat.char_length_N[form_ids_N][:, None]
        offset_C = np.arange(-self._char_padding, int(length_N1.max()) + self._char_padding)
        # Before its first character and after its last, a form has the padding that is at the end of all.
        at_NC = flat.char_first_N[form_ids_N][:, None] + offset_C
        at_NC = np.where((offset_C < 0) | (offset_C >= length_N1), len(flat.char) - 1, at_NC)
        return flat.char[at_NC].astype(np.int32)


class Deduplicator:
    """Finds distinct ids below a limit; the table is held from call to call, and never needs to be cleared."""

    def __init__(self, limit: int) -> None:
        # One place more, always 0: the limit itself stands for padding.
        self._place = np.zeros(limit + 1, np.int32)

    def find(self, ids_M: np.ndarray) -> np.ndarray:
        """The distinct ids, rising; `places` tells the places of ids in them until the next call."""
        order = np.arange(len(ids_M), dtype=np.int32)
        self._place[ids_M] = order
        # Of ids that are equal, the last has left its number.
        distinct = ids_M[self._place[ids_M] == order]
        distinct.sort()
        self._place[distinct] = order[: len(distinct)]
        return distinct

    def places(self, ids: np.ndarray) -> np.ndarray:
        """int32: where in the distinct ids that were found last each of these stands; 0 for padding."""
        return self._place[ids]
