"""Blocks of sentences as arrays."""

from __future__ import annotations

import numpy as np

from data_prep.sentences.block import add_counts


def test_counts_of_a_block_do_not_depend_on_the_size_of_the_vocabulary() -> None:
    for num_values in (5, 5000):
        counts = np.ones(num_values, np.int64)
        add_counts(counts, np.array([3, 1, 3, 3]))
        assert counts[:5].tolist() == [1, 2, 1, 4, 1]
        assert counts.sum() == num_values + 4
