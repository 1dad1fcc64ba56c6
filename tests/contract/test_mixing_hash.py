"""The mixing hash: values that must never change, as shards and dropout masks of a seed depend on them."""

from __future__ import annotations

import numpy as np

from data_prep.passes.sentence_hashes import hash_sentences
from ner_dist.contract.mixing_hash import GAMMA, hash_numbers, mix_bits, polynomial_hash


def test_mixed_bits_are_those_of_splitmix64() -> None:
    mixed = mix_bits(np.array([0, 1, 2, GAMMA, 2**64 - 1], np.uint64))
    expected = [0, 0x5692161D100B05E5, 0xDBD238973A2B148A, 0xE220A8397B1DCDAF, 0xB4D055FCF2CBBD7B]
    assert mixed.tolist() == expected


def test_keys_of_numbers_never_change() -> None:
    expected = [0x167D58A47A329FC5, 0x741754D717B43AC1, 0xB68365F4CC9E9029]
    assert hash_numbers(1, 2, np.array([0, 1, 7])).tolist() == expected
    assert hash_numbers(3, 1 << 32, 1 << 40).tolist() == [0x316178D03DF7813F]
    assert hash_numbers(0).tolist() == [0]


def test_hashes_of_rows_never_change_and_padding_at_the_end_adds_nothing() -> None:
    rows = np.array([[0, 5, 6, 0], [0, 6, 5, 0], [0, 5, 6, 7]], np.int32)
    expected = [0x2E52E53D50FF77AB, 0x6C6F19ECE7FF65B7, 0x2DDA85E4C6C58782]
    assert polynomial_hash(rows).tolist() == expected
    assert polynomial_hash(np.pad(rows, ((0, 0), (0, 3)))).tolist() == expected


def test_hashes_of_sentences_never_change() -> None:
    token_hash_M = np.array([5, 6, 7, 2**63 + 1], np.uint64)
    expected = [0xC3D99A91C14571D0, 0xE7FFC3263BBF6669]
    assert hash_sentences(token_hash_M, np.array([1, 3], np.int32)).tolist() == expected
