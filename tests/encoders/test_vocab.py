"""The vocabulary of counted values is deterministic."""

from __future__ import annotations

import numpy as np

from data_prep.encoders.vocab import fit_values, ids_of


def test_values_are_ordered_by_descending_count_then_text() -> None:
    vocab = fit_values(["b", "a", "c", "d"], np.array([2, 2, 3, 0]), min_count=1)
    assert (vocab.values, vocab.counts) == (["<pad>", "<unk>", "c", "a", "b"], [0, 0, 3, 2, 2])
    assert fit_values(["d", "c", "b", "a"], np.array([0, 3, 2, 2]), min_count=1) == vocab
    assert fit_values(["a", "b"], np.array([1, 2]), min_count=2).counts == [0, 1, 2]


def test_what_is_spelled_like_a_special_value_is_another_one() -> None:
    assert ids_of(["<pad>", "<unk>", "a", "<unk>"]) == {"a": 2, "<unk>": 3}
