"""A hash of each sentence's document, by which splits keep documents whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from data_prep.sentences.block import SentenceIds
from ner_dist.contract.mixing_hash import mix_bits


class DocumentHashes:
    """Writes a file of 64-bit hashes (uint64), one for each sentence, in corpus order.

    A document with a name has the keyed hash of the name, even if its sentences are apart; one without, the hash of its
    sentences; a sentence without a document has its own.
    """

    def __init__(self, file: BinaryIO, seed: int) -> None:
        # Of all sources. A document is a run of sentences with the same number.
        self.num_documents = 0
        # Whether some document has more than one sentence.
        self.any_long = False
        self._file = file
        self._key = seed.to_bytes(8, "little")
        # The document that may go on: its number; its name's hash if it has one; the sum of its sentences' hashes; and
        # its number of sentences, 0 if there is no such document.
        self._number = 0
        self._name_hash: np.uint64 | None = None
        self._sum, self._size = np.uint64(0), 0

    def add(self, block: SentenceIds, hash_N: np.ndarray) -> None:
        """hash_N: of the sentences of the block."""
        number_N = block.document_N
        if not len(number_N) or number_N[0] != self._number:
            self.end_source()
        if not len(number_N):
            self._file.write(hash_N.tobytes())
            return
        # A sentence without a document is like one of its own.
        start_D = np.flatnonzero(np.append(True, (number_N[1:] != number_N[:-1]) | (number_N[1:] == 0)))
        number_D, size_D = number_N[start_D], np.diff(np.append(start_D, len(number_N)))
        sum_D = np.add.reduceat(hash_N, start_D)
        names = [self._hash_of(block.document_names.get(number)) for number in number_D.tolist()]
        self.num_documents += int(np.count_nonzero(number_D)) - bool(self._size)
        if self._size:
            sum_D[:1] += self._sum
            size_D[:1] += self._size
            names[0] = self._name_hash
            self._size = 0
        num_ended = len(number_D) - bool(number_D[-1])
        self._write(number_D[:num_ended], sum_D[:num_ended], size_D[:num_ended], names)
        self._number, self._name_hash = int(number_D[-1]), names[-1]
        if self._number:
            self._sum, self._size = sum_D[-1], int(size_D[-1])

    def end_source(self) -> None:
        """The document that may go on has ended."""
        if self._size:
            number_D, size_D = np.array([[self._number], [self._size]])
            self._write(number_D, np.array([self._sum]), size_D, [self._name_hash])
        self._number, self._size = 0, 0

    def _write(
        self, number_D: np.ndarray, sum_D: np.ndarray, size_D: np.ndarray, names: Sequence[np.uint64 | None]
    ) -> None:
        """D documents that have ended; number 0 is a sentence without one."""
        hash_D = np.where(number_D > 0, mix_bits(sum_D + size_D.astype(np.uint64)), sum_D)
        for i, name in enumerate(names[: len(hash_D)]):
            if name is not None:
                hash_D[i] = name
        self._file.write(np.repeat(hash_D, size_D).tobytes())
        self.any_long = self.any_long or bool((size_D > 1).any())

    def _hash_of(self, name: str | None) -> np.uint64 | None:
        if not name:
            return None
        digest = hashlib.blake2b(name.encode(), digest_size=8, key=self._key).digest()
        return np.frombuffer(digest, "<u8")[0]
