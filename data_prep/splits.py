"""Which split a sentence belongs to, and which sentences occur more than once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.intake import Intake
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.shard_format import SPLITS


class SplitChooser:
    """Which split each sentence belongs to: its file, or its hash if there is one file."""

    def __init__(self, intake: Intake, settings: Settings):
        self.hash_path = intake.hash_path
        self.single = len(intake.sentences_by_source) == 1
        self.num_seen = 0
        # All that grows with the corpus: 8 bytes a sentence, as long as this object lives.
        hash_N = np.fromfile(intake.hash_path, np.uint64)
        if self.single:
            # Cuts at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
            hash_N.sort()
            cuts = np.round(np.cumsum(settings.split)[:-1] * len(hash_N)).astype(int)
            self.thresholds = hash_N[np.minimum(cuts, len(hash_N) - 1)]
            bounds = np.searchsorted(hash_N, self.thresholds, side="left")
        else:
            bounds = np.cumsum(intake.sentences_by_source)[:-1]
        # Hashes of the sentences of each split, rising.
        self.hashes = np.split(hash_N, bounds)
        if not self.single:
            for part in self.hashes:
                part.sort()

    def next_ids(self, num_sentences: int, source_id: int) -> np.ndarray:
        """Split ids of the next sentences in corpus order."""
        if not self.single:
            return np.full(num_sentences, source_id)
        hash_N = np.fromfile(self.hash_path, np.uint64, num_sentences, offset=8 * self.num_seen)
        self.num_seen += num_sentences
        return np.searchsorted(self.thresholds, hash_N, side="right")


def split_names(sources: dict[str, Path], settings: Settings) -> list[str]:
    return list(sources) if len(sources) > 1 else list(SPLITS[: len(settings.split)])


def _num_found(hash_N: np.ndarray, sorted_hashes: np.ndarray) -> int:
    """How many of the hashes are among the others."""
    place_N = np.searchsorted(sorted_hashes, hash_N)
    found_N = place_N < len(sorted_hashes)
    return int((sorted_hashes[place_N[found_N]] == hash_N[found_N]).sum())


def count_duplicates(chooser: SplitChooser, splits: list[str], problems: Problems) -> None:
    """Warn of copies within a split, and of sentences of dev and test that train holds too. None is removed."""
    total = 0
    for split, hash_N in zip(splits, chooser.hashes):
        copies = int((hash_N[1:] == hash_N[:-1]).sum())
        total += copies
        if copies:
            what = f"{copies:,} of {len(hash_N):,} sentences are copies of another one"
            problems.warn(f"duplicates_within_{split}", split, what, copies)
        overlap = 0 if split == "train" else _num_found(hash_N, chooser.hashes[0])
        if overlap:
            what = f"{overlap:,} of {len(hash_N):,} sentences also occur in train"
            problems.warn(f"{split}_sentences_in_train", split, what, overlap)
    if chooser.single and total:
        what = f"{total:,} copies lie in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
