"""Long sentences are cut, and the entities in them if need be."""

from __future__ import annotations

import numpy as np

from data_prep.passes.repair_tags import cut_long


def test_an_entity_longer_than_a_sentence_may_be_is_cut_and_counted() -> None:
    # B I I I L of one type, ids 1 2 2 2 3.
    tags, lengths, pieces, num_cut = cut_long(np.array([0, 1, 2, 2, 2, 3, 0]), np.array([1, 6]), 2)
    assert lengths.tolist() == [1, 2, 2, 2]
    assert pieces.tolist() == [1, 3]
    assert tags.tolist() == [0, 1, 3, 1, 3, 4, 0]
    assert num_cut == 2
