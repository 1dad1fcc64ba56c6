"""The same sentence annotated in different ways; memory does not grow with the corpus.

Axes: N sentences of a block, R of a range of hashes, G groups of them that are alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.annotation.phrases import Phrases

# Shorter ones are headings and rows of tables, which mean different things.
MIN_TOKENS = 4
# Versions of sentences that are held; those of further ranges of hashes are not looked for.
MAX_VERSIONS = 10_000
# Sentences to sort at once, and how often the file is read at most.
MAX_SORTED, MAX_RANGES = 1 << 16, 64
MAX_READ = 1 << 16
HASH, TAG_HASH, SOURCE, LINE, NUM_RARE, NUM_TOKENS, NUM_FIELDS = range(7)


class Version(NamedTuple):
    """One way in which a sentence is annotated that is not the most usual one."""

    num_usual: int
    num_here: int
    # Where the usual one is: number of the source, and line.
    source_id: int
    line: int
    usual_tag_hash: int


class SentenceVersions:
    """A file with a row for each sentence: its hash, that of its tags, its place, and what speaks for its tags."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._num_rows = 0

    def noted(self, blocks: Iterator[AnnotatedBlock], phrases: Phrases, file: BinaryIO) -> Iterator[AnnotatedBlock]:
        """The same blocks, added."""
        for block in blocks:
            self.add(block, phrases, file)
            yield block

    def add(self, block: AnnotatedBlock, phrases: Phrases, file: BinaryIO) -> None:
        rare_E = phrases.count_P[phrases.of_entities(block)] <= 1
        of_sentence_E = block.sentence_M[block.spans.start_E]
        num_sentences = len(block.length_N)
        row_NF = np.zeros((num_sentences, NUM_FIELDS), np.int64)
        row_NF[:, HASH], row_NF[:, TAG_HASH] = block.hash_N.view(np.int64), block.tag_hash_N.view(np.int64)
        row_NF[:, SOURCE], row_NF[:, LINE] = block.source_id, block.line_M[block.start_N]
        row_NF[:, NUM_RARE] = np.bincount(of_sentence_E, rare_E, num_sentences)
        row_NF[:, NUM_TOKENS] = np.add.reduceat(block.entity_M >= 0, block.start_N)
        long = row_NF[block.length_N >= MIN_TOKENS]
        self._num_rows += len(long)
        file.write(long.tobytes())

    def unusual(self) -> dict[tuple[int, int], Version]:
        """By the hashes of a sentence and its tags, the versions that are not the most usual ones of their sentence."""
        found: dict[tuple[int, int], Version] = {}
        num_ranges = max(1, min(MAX_RANGES, -(-self._num_rows // MAX_SORTED)))
        for part in range(num_ranges):
            if len(found) < MAX_VERSIONS:
                _compare(np.concatenate(self._range(part, num_ranges)), found)
        return found

    def _range(self, part: int, num_ranges: int) -> list[np.ndarray]:
        rows = [np.zeros((0, NUM_FIELDS), np.int64)]
        with open(self.path, "rb") as file:
            while len(values := np.fromfile(file, np.int64, MAX_READ * NUM_FIELDS)):
                row_RF = values.reshape(-1, NUM_FIELDS)
                rows.append(row_RF[row_RF[:, HASH] % num_ranges == part])
        return rows


def _compare(row_RF: np.ndarray, found: dict[tuple[int, int], Version]) -> None:
    """Add the unusual versions of the sentences of a range."""
    row_RF = row_RF[np.lexsort((row_RF[:, TAG_HASH], row_RF[:, HASH]))]
    same_R = (row_RF[1:, :2] == row_RF[:-1, :2]).all(1)
    first_G = np.flatnonzero(np.append(True, ~same_R)[: len(row_RF)])
    count_G = np.diff(np.append(first_G, len(row_RF)))
    group_GF = row_RF[first_G]
    alike_G = group_GF[1:, HASH] == group_GF[:-1, HASH]
    several = np.append(alike_G, False) | np.append(False, alike_G) if len(group_GF) else np.zeros(0, bool)
    group_GF, count_G = group_GF[several], count_G[several]
    # The most frequent one first; then that whose entities are entities elsewhere; that with more of them.
    order = np.lexsort((-group_GF[:, NUM_TOKENS], group_GF[:, NUM_RARE], -count_G, group_GF[:, HASH]))
    best = -1
    for g in order.tolist():
        row = group_GF[g].tolist()
        if best < 0 or group_GF[best, HASH] != row[HASH]:
            best = g
            continue
        usual = group_GF[best].tolist()
        counts = int(count_G[best]), int(count_G[g])
        found[row[HASH], row[TAG_HASH]] = Version(*counts, usual[SOURCE], usual[LINE], usual[TAG_HASH])
