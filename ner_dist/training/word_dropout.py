"""Words and characters that training takes for unknown: how the model learns what to do with those it will not know.

Which ones is a pure function of (seed, epoch, sentence) and (seed, epoch, step, spelling), as for dropout: the same on
any rank. Axes: T tokens, B sentences, W distinct words, N distinct forms, C characters, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from ner_dist.config import Model
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, UNK_ID
from ner_dist.data.batch import Batch
from ner_dist.training.dropout import drop_level, keys, random_bytes

# Random streams beside those of the dropout layers, which count from 0.
_WORDS, _CHARS = 1 << 32, (1 << 32) + 1
# Of the polynomial of a spelling; any large odd number.
_BASE = np.uint64(0xD1342543DE82EF95)
# The unknown character of each character type; padding stays padding.
_UNK_OF_TYPE = np.array([CHAR_UNK_IDS.get(name, 0) for name in CHAR_TYPES], np.int32)


class WordDropout:
    """What is hidden at which rate; made once for a run."""

    def __init__(self, settings: Model, seed: int, word_count_V: np.ndarray) -> None:
        """word_count_V: how often each word of the vocabulary occurs in train."""
        words = drop_level(settings.dropout_words)
        singletons = drop_level(settings.dropout_singletons)
        self._seed = seed
        self._level_V = np.where(word_count_V == 1, max(words, singletons), words).astype(np.int16)
        self._level_chars = drop_level(settings.dropout_chars)

    def apply(self, batch: Batch, epoch: int, step_id: int) -> Batch:
        """The batch as training sees it."""
        if self._level_V.any():
            batch = self._hide_words(batch, epoch)
        return self._hide_chars(batch, epoch, step_id) if self._level_chars else batch

    def _hide_words(self, batch: Batch, epoch: int) -> Batch:
        key_B = keys(self._seed, epoch, _WORDS, batch.sentence_id_B)
        byte_TB = random_bytes(key_B, len(batch.word_TB), 1)[:, :, 0]
        id_TB = batch.word_ids_W[batch.word_TB]
        id_TB = np.where(byte_TB < self._level_V[id_TB], UNK_ID, id_TB)
        # Padding points to a word of the batch, whichever: it is masked, but it must be there.
        real_TB = batch.mask_TB > 0
        word_ids_W, word_M = np.unique(id_TB[real_TB], return_inverse=True)
        word_TB = np.zeros_like(batch.word_TB)
        word_TB[real_TB] = word_M
        return batch._replace(word_ids_W=word_ids_W, word_TB=word_TB)

    def _hide_chars(self, batch: Batch, epoch: int, step_id: int) -> Batch:
        # A form may stand on several ranks, and must look the same on all: its key is its spelling, as a polynomial,
        # to which padding adds nothing.
        power_C = np.cumprod(np.full(batch.char_NC.shape[1], _BASE))
        spelling_N = (batch.char_NC.astype(np.uint64) * power_C).sum(1, dtype=np.uint64)
        key_N = keys(self._seed, epoch, _CHARS, step_id, spelling_N)
        byte_NC = random_bytes(key_N, batch.char_NC.shape[1], 1)[:, :, 0].T
        unknown_NC = _UNK_OF_TYPE[batch.char_type_NC]
        return batch._replace(char_NC=np.where(byte_NC < self._level_chars, unknown_NC, batch.char_NC))
