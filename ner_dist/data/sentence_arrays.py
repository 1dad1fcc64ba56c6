"""Sentences as ragged arrays: the values of all of them end to end, with offsets; spellings deduplicated.

Axes: R sentences, M tokens of all sentences, N distinct spellings, F features. After the last token and the last
character comes one of padding, so that a batch is gathered by indexing alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class SentenceArrays(NamedTuple):
    length_R: np.ndarray
    sentence_id_R: np.ndarray
    # Where each sentence begins in the arrays of tokens.
    offset_R: np.ndarray
    # Vocabulary ids, and numbers of distinct spellings; padding has the number after the last.
    word_M: np.ndarray
    spelling_M: np.ndarray
    # Padding is 0.
    tag_M: np.ndarray
    feature_FM: list[np.ndarray]
    # The characters of all distinct spellings end to end; where each spelling begins; how many characters it has.
    char: np.ndarray
    char_offset_N: np.ndarray
    char_length_N: np.ndarray
