"""Texts that share rare words, or parts of words, are alike."""

from __future__ import annotations

import numpy as np
import pytest

from ner_dist.suggesting.sketch import PLACES, Sketcher, greatest_products

TEXTS = [text.split() for text in ("the cat sat", "the dog sat", "the dog ran", "the Novgrad mayor", "x y z", "")]


def test_vectors_have_length_one_or_are_empty() -> None:
    vector_ND = Sketcher(TEXTS).vectors(TEXTS)
    assert vector_ND.shape == (6, PLACES)
    assert np.linalg.norm(vector_ND, axis=1) == pytest.approx([1, 1, 1, 1, 1, 0], abs=1e-6)


def test_rare_words_and_parts_of_words_make_texts_alike() -> None:
    sketcher = Sketcher([["the", str(number)] for number in range(50)])
    (mayor,) = sketcher.vectors([["the", "Novgrad", "mayor"]])
    same_word, same_part, common, nothing = sketcher.vectors([["novgrad"], ["Novgrads"], ["the"], ["qq"]]) @ mayor
    assert same_word > same_part > max(common, nothing)


def test_the_greatest_product_is_found_in_portions() -> None:
    one, other = np.eye(2, PLACES, dtype=np.float32)
    found = greatest_products(
        np.stack([one, other, 0 * one]), [one[None], np.zeros((0, PLACES), np.float32), one[None]]
    )
    assert found.tolist() == [1, 0, 0]
    assert greatest_products(np.stack([one]), []).tolist() == [0]
