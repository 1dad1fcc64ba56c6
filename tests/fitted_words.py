"""Words that are fitted to tokens of one part, and the ids of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.encoders.merge_counts import run_of
from data_prep.encoders.vocab import Vocab, ids_of
from data_prep.encoders.words import KeyRule, VectorLookup, fit_words, word_ids
from data_prep.settings import Settings


class FittedWords(NamedTuple):
    vocab: Vocab
    lookup: VectorLookup | None
    id_V: np.ndarray
    steps: list[str | None]


def fitted_words(
    tokens: Sequence[str], count_V: np.ndarray, settings: Settings, rows: Mapping[str, int] | None = None
) -> FittedWords:
    """count_V: in train. rows: of the pretrained vectors."""
    keys, steps = KeyRule(settings.keep_case, settings.keep_digits, rows).keys(tokens)
    wanted = {key for key, step in zip(keys, steps) if step is not None}
    vocab, lookup = fit_words([run_of(keys, count_V)], settings, rows, wanted=wanted)
    return FittedWords(vocab, lookup, word_ids(keys, ids_of(vocab.values)), steps)
