"""Which split a sentence belongs to, and which sentences occur more than once; memory does not grow.

Axes: N sentences, R ranks, G groups of hashes that begin with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.passes.read_pass import Intake
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import SPLITS

# Hashes that are sorted at once, and read at once; but no file is read more often than so many times for it.
MAX_SORTED = 1 << 16
MAX_READ = 1 << 16
MAX_RANGES = 64
# Bits of a hash that tell its group.
GROUP_BITS = 16


class SplitChooser:
    """Which split each sentence belongs to: its file, or its hash if there is one file."""

    def __init__(self, intake: Intake, settings: Settings):
        self.hash_path = intake.hash_path
        self.source_ends = np.cumsum(intake.sentences_by_source)
        self.num_sentences = int(self.source_ends[-1])
        self.num_seen = 0
        self.single = len(intake.sentences_by_source) == 1
        if self.single:
            # Cuts at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
            cuts = np.round(np.cumsum(settings.split)[:-1] * self.num_sentences).astype(int)
            self.thresholds = _at_ranks(self.hash_path, np.minimum(cuts, self.num_sentences - 1))

    def next_ids(self, num_sentences: int) -> np.ndarray:
        """Split ids of the next sentences in corpus order."""
        first, self.num_seen = self.num_seen, self.num_seen + num_sentences
        if not self.single:
            return self._ids(first, np.zeros(num_sentences, np.uint64))
        return self._ids(first, np.fromfile(self.hash_path, np.uint64, num_sentences, offset=8 * first))

    def _ids(self, first: int, hash_N: np.ndarray) -> np.ndarray:
        """Split ids of sentences from the given one on, that have these hashes."""
        if self.single:
            return np.searchsorted(self.thresholds, hash_N, side="right")
        return np.searchsorted(self.source_ends, np.arange(first, first + len(hash_N)), side="right")

    def sorted_parts(self, num_splits: int) -> Iterator[list[np.ndarray]]:
        """The hashes of each split, rising, from one range of hashes after another; together all of them."""
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
    """(number of the first sentence, hashes) of block after block of the file."""
    first = 0
    with open(path, "rb") as file:
        while len(hash_N := np.fromfile(file, np.uint64, MAX_READ)):
            yield first, hash_N
            first += len(hash_N)


def _groups(hash_N: np.ndarray) -> np.ndarray:
    return (hash_N >> np.uint64(64 - GROUP_BITS)).astype(np.int64)


def _at_ranks(path: Path, rank_R: np.ndarray) -> np.ndarray:
    """The hashes at these places of all in rising order: only the groups they lie in are sorted."""
    count_G = np.zeros(1 << GROUP_BITS, np.int64)
    for _, hash_N in _read(path):
        count_G += np.bincount(_groups(hash_N), minlength=len(count_G))
    end_G = np.cumsum(count_G)
    group_R = np.searchsorted(end_G, rank_R, side="right")
    chosen_G = np.isin(np.arange(len(count_G)), group_R)
    chosen = np.sort(np.concatenate([hash_N[chosen_G[_groups(hash_N)]] for _, hash_N in _read(path)]))
    # How many hashes of other groups lie below each group.
    others_G = np.cumsum(np.where(chosen_G, 0, count_G))
    return chosen[rank_R - others_G[group_R]]


def split_names(sources: dict[str, Path], settings: Settings) -> list[str]:
    return list(sources) if len(sources) > 1 else list(SPLITS[: len(settings.split)])


def _num_found(hash_N: np.ndarray, sorted_hashes: np.ndarray) -> int:
    """How many of the hashes are among the others."""
    place_N = np.searchsorted(sorted_hashes, hash_N)
    found_N = place_N < len(sorted_hashes)
    return int((sorted_hashes[place_N[found_N]] == hash_N[found_N]).sum())


def count_duplicates(chooser: SplitChooser, splits: list[str], problems: Problems) -> None:
    """Warn of copies within a split, and of sentences of dev and test that train holds too. None is removed."""
    num_sentences, copies, overlap = np.zeros((3, len(splits)), np.int64)
    for parts in chooser.sorted_parts(len(splits)):
        num_sentences += [len(hash_N) for hash_N in parts]
        copies += [np.count_nonzero(hash_N[1:] == hash_N[:-1]) for hash_N in parts]
        overlap += [0, *(_num_found(hash_N, parts[0]) for hash_N in parts[1:])]
    for split_id, split in enumerate(splits):
        for name, count, what in (
            (f"duplicates_within_{split}", copies[split_id], "are copies of another one"),
            (f"{split}_sentences_in_train", overlap[split_id], "also occur in train"),
        ):
            if count:
                problems.warn(name, split, f"{count:,} of {num_sentences[split_id]:,} sentences {what}", int(count))
    total = int(copies.sum())
    if chooser.single and total:
        what = f"{total:,} copies lie in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
