"""What a vocabulary is: values by id; and the one of any counted values. Vocabularies come from train alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import UNK_ID

PAD, UNK = "<pad>", "<unk>"


class Vocab(NamedTuple):
    """Values by id, how often each occurs in train, and for characters their types.

    Words that were looked up in pretrained vectors also have the list of the ids without one. The labels of a lexicon
    have its entries, and the least and the greatest length of a partial match: prediction matches new text with them.
    """

    values: list[str]
    counts: list[int]
    types: list[int] | None = None
    without_vector: list[int] | None = None
    entries: list[str] | None = None
    parts: list[int] | None = None

    def record(self) -> dict[str, list[str] | list[int]]:
        """The content of vocab/<name>.json."""
        return {name: values for name, values in self._asdict().items() if values is not None}


def count_ids(id_V: np.ndarray, count_V: np.ndarray, size: int) -> np.ndarray:
    """The sum of the counts of each id from 0 to size - 1: int64."""
    # Floats represent integers exactly up to 2^53, and np.add.at is slow.
    return np.bincount(id_V, count_V, size).astype(np.int64)


def ids_of(values: Sequence[str]) -> dict[str, int]:
    """The ids of a vocabulary's values but the first two, which are not what is spelled like them."""
    return {value: value_id for value_id, value in enumerate(values) if value_id > UNK_ID}


def fit_values(texts: Sequence[str], count_V: np.ndarray, min_count: int) -> Vocab:
    """The values that occur min_count times or more, by descending count, then text.

    count_V: how often each text, which are all different, occurs in train.
    """
    kept = sorted((-count, text) for text, count in zip(texts, count_V.tolist()) if count >= min_count)
    kept_counts = [-count for count, _ in kept]
    unknown = int(count_V.sum()) - sum(kept_counts)
    return Vocab([PAD, UNK, *(text for _, text in kept)], [0, unknown, *kept_counts])
