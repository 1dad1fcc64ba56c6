"""A hash of each sentence, by which copies are known and splits are chosen."""

from __future__ import annotations

import numpy as np

from data_prep.sentences.block import ragged_positions
from ner_dist.contract.mixing_hash import GAMMA, mix_bits


def hash_sentences(token_hash_M: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """64-bit hash of each sentence, from the hashes of its tokens and their order: uint64 (N,)."""
    length_N = length_N.astype(np.int64)
    # 1, 2, ... within each sentence.
    place_M = ragged_positions(np.ones_like(length_N), length_N).astype(np.uint64)
    mixed_M = mix_bits(token_hash_M ^ (place_M * GAMMA))
    return mix_bits(np.add.reduceat(mixed_M, np.cumsum(length_N) - length_N) + length_N.astype(np.uint64))
