"""Word dropout: in training, some words and characters are replaced by UNK, so that the model learns to do without.

Which ones is a pure function of (seed, epoch, sentence), or of (seed, epoch, step, spelling) for characters: the same
on any rank. Axes: T tokens, B sentences, W distinct words, N distinct spellings, C characters, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from ner_dist.config import Model
from ner_dist.contract.mixing_hash import hash_numbers, polynomial_hash
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, UNK_ID
from ner_dist.data.batch import Batch
from ner_dist.training.dropout import drop_level, random_bytes

# Random streams; those of the dropout layers count from 0.
_WORDS, _CHARS = 1 << 32, (1 << 32) + 1
# The UNK of each character type; padding stays padding.
_UNK_OF_TYPE = np.array([CHAR_UNK_IDS.get(name, 0) for name in CHAR_TYPES], np.int32)


class WordDropout:
    """Singletons of train have a rate of their own (Lample 2016); a character becomes the UNK of its type."""

    def __init__(self, model: Model, seed: int, word_count_V: np.ndarray) -> None:
        """word_count_V: how often each word of the vocabulary occurs in train."""
        words = drop_level(model.dropout_words)
        singletons = drop_level(model.dropout_singletons)
        self._seed = seed
        self._level_V = np.where(word_count_V == 1, max(words, singletons), words).astype(np.int16)
        self._level_chars = drop_level(model.dropout_chars)

    def apply(self, batch: Batch, epoch: int, step_id: int) -> Batch:
        if self._level_V.any():
            batch = self._replace_words(batch, epoch)
        return self._replace_chars(batch, epoch, step_id) if self._level_chars else batch

    def _replace_words(self, batch: Batch, epoch: int) -> Batch:
        key_B = hash_numbers(self._seed, epoch, _WORDS, batch.sentence_id_B)
        byte_TB = random_bytes(key_B, len(batch.word_TB), 1)[:, :, 0]
        id_TB = batch.word_ids_W[batch.word_TB]
        id_TB = np.where(byte_TB < self._level_V[id_TB], UNK_ID, id_TB)
        # Padding is masked, but must point to some word of the batch.
        real_TB = batch.mask_TB > 0
        word_ids_W, word_M = np.unique(id_TB[real_TB], return_inverse=True)
        word_TB = np.zeros_like(batch.word_TB)
        word_TB[real_TB] = word_M
        return batch._replace(word_ids_W=word_ids_W, word_TB=word_TB)

    def _replace_chars(self, batch: Batch, epoch: int, step_id: int) -> Batch:
        # A spelling that several ranks have must look the same on all: its key is a hash of its characters, to which
        # padding adds nothing.
        key_N = hash_numbers(self._seed, epoch, _CHARS, step_id, polynomial_hash(batch.char_NC))
        byte_NC = random_bytes(key_N, batch.char_NC.shape[1], 1)[:, :, 0].T
        unknown_NC = _UNK_OF_TYPE[batch.char_type_NC]
        return batch._replace(char_NC=np.where(byte_NC < self._level_chars, unknown_NC, batch.char_NC))
