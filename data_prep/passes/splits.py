"""Which split a sentence belongs to, and which sentences occur more than once; memory does not grow with the corpus.

Axes: N sentences, R positions, G groups of hashes that begin with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.passes.read_pass import IdCorpus
from data_prep.problems import Problems
from data_prep.settings import Settings

# Hashes to sort at once and to read at once. To sort them range by range, the file is read at most MAX_RANGES times.
MAX_SORTED = 1 << 16
MAX_READ = 1 << 16
MAX_RANGES = 64
# The first bits of a hash are its group.
GROUP_BITS = 16


class SplitChooser:
    """Chooses the split of each sentence: that of its file or, if there is one file to be split, by its hash."""

    def __init__(self, corpus: IdCorpus, settings: Settings):
        self.hash_path = corpus.hash_path
        self.source_ends = np.cumsum(corpus.sentences_by_source)
        self.num_sentences = int(self.source_ends[-1])
        self.num_seen = 0
        self.single = len(corpus.sentences_by_source) == 1
        if self.single:
            # Thresholds at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
            cuts = np.round(np.cumsum(settings.split)[:-1] * self.num_sentences).astype(int)
            self.thresholds = _hashes_at(self.hash_path, np.minimum(cuts, self.num_sentences - 1))

    def next_ids(self, num_sentences: int) -> np.ndarray:
        """Split ids of the next sentences in corpus order."""
        first, self.num_seen = self.num_seen, self.num_seen + num_sentences
        return self._ids(first, np.fromfile(self.hash_path, np.uint64, num_sentences, offset=8 * first))

    def _ids(self, first: int, hash_N: np.ndarray) -> np.ndarray:
        """Split ids of the sentences from number `first` on, which have these hashes."""
        if self.single:
            return np.searchsorted(self.thresholds, hash_N, side="right")
        return np.searchsorted(self.source_ends, np.arange(first, first + len(hash_N)), side="right")

    def sorted_ranges(self, num_splits: int) -> Iterator[list[np.ndarray]]:
        """For one range of hashes after another, the hashes of each split in ascending order."""
        num_ranges = min(MAX_RANGES, -(-self.num_sentences // MAX_SORTED))
        bounds = np.array([(part << 64) // num_ranges for part in range(1, num_ranges)], np.uint64)
        for part in range(num_ranges):
            found: list[list[np.ndarray]] = [[] for _ in range(num_splits)]
            for first, hash_N in _read(self.hash_path):
                mine = np.flatnonzero(np.searchsorted(bounds, hash_N, side="right") == part)
                hash_N, split_N = hash_N[mine], self._ids(first, hash_N)[mine]
                for split_id, hashes in enumerate(found):
                    hashes.append(hash_N[split_N == split_id])
            yield [np.sort(np.concatenate(hashes)) for hashes in found]


def _read(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first sentence, hashes) of one block of the file after another."""
    first = 0
    with open(path, "rb") as file:
        while len(hash_N := np.fromfile(file, np.uint64, MAX_READ)):
            yield first, hash_N
            first += len(hash_N)


def _groups(hash_N: np.ndarray) -> np.ndarray:
    return (hash_N >> np.uint64(64 - GROUP_BITS)).astype(np.int64)


def _hashes_at(path: Path, position_R: np.ndarray) -> np.ndarray:
    """The hashes at these positions in ascending order of all hashes; sorts only the groups that contain them."""
    count_G = np.zeros(1 << GROUP_BITS, np.int64)
    for _, hash_N in _read(path):
        count_G += np.bincount(_groups(hash_N), minlength=len(count_G))
    end_G = np.cumsum(count_G)
    group_R = np.searchsorted(end_G, position_R, side="right")
    chosen_G = np.isin(np.arange(len(count_G)), group_R)
    chosen = np.sort(np.concatenate([hash_N[chosen_G[_groups(hash_N)]] for _, hash_N in _read(path)]))
    # How many hashes of groups that are not chosen come before each group.
    others_G = np.cumsum(np.where(chosen_G, 0, count_G))
    return chosen[position_R - others_G[group_R]]


def count_duplicates(chooser: SplitChooser, splits: list[str], problems: Problems) -> None:
    """Warn about copies within a split, and sentences of dev and test that also occur in train. All are kept."""
    num_sentences, copies, overlap = np.zeros((3, len(splits)), np.int64)
    for hashes_by_split in chooser.sorted_ranges(len(splits)):
        num_sentences += [len(hash_N) for hash_N in hashes_by_split]
        copies += [np.count_nonzero(hash_N[1:] == hash_N[:-1]) for hash_N in hashes_by_split]
        train, *others = hashes_by_split
        # A hash that occurs in train ends further right in it than it begins.
        ends = (np.searchsorted(train, hash_N, "right") - np.searchsorted(train, hash_N) for hash_N in others)
        overlap += [0, *map(np.count_nonzero, ends)]
    for split_id, split in enumerate(splits):
        for name, count, what in (
            (f"duplicates_within_{split}", copies[split_id], "are copies of another one"),
            (f"{split}_sentences_in_train", overlap[split_id], "also occur in train"),
        ):
            if count:
                problems.warn(name, split, f"{count:,} of {num_sentences[split_id]:,} sentences {what}", int(count))
    total = int(copies.sum())
    if chooser.single and total:
        what = f"{total:,} copies are in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
