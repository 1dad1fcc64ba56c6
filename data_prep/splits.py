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
        self.hash_N = intake.hash_N
        self.sentences_by_source = intake.sentences_by_source
        self.single = len(intake.sentences_by_source) == 1
        if self.single and len(self.hash_N):
            # Cuts at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
            order = np.sort(self.hash_N)
            cuts = np.round(np.cumsum(settings.split)[:-1] * len(order)).astype(int)
            self.thresholds = order[np.minimum(cuts, len(order) - 1)]
        self.num_seen = 0

    def next_ids(self, num_sentences: int, source_id: int) -> np.ndarray:
        """Split ids of the next sentences in corpus order."""
        if not self.single:
            return np.full(num_sentences, source_id)
        hash_N = self.hash_N[self.num_seen : self.num_seen + num_sentences]
        self.num_seen += num_sentences
        return np.searchsorted(self.thresholds, hash_N, side="right")

    def hashes(self, num_splits: int) -> list[np.ndarray]:
        """Hashes of the sentences of each split."""
        if not self.single:
            return np.split(self.hash_N, np.cumsum(self.sentences_by_source)[:-1])
        split_N = np.searchsorted(self.thresholds, self.hash_N, side="right")
        return [self.hash_N[split_N == split_id] for split_id in range(num_splits)]


def split_names(sources: dict[str, Path], settings: Settings) -> list[str]:
    return list(sources) if len(sources) > 1 else list(SPLITS[: len(settings.split)])


def count_duplicates(chooser: SplitChooser, splits: list[str], problems: Problems) -> None:
    """Warn of copies within a split, and of sentences of dev and test that train holds too. None is removed."""
    total = 0
    hashes = chooser.hashes(len(splits))
    for split, hash_N in zip(splits, hashes):
        copies = len(hash_N) - len(np.unique(hash_N))
        total += copies
        if copies:
            what = f"{copies:,} of {len(hash_N):,} sentences are copies of another one"
            problems.warn(f"duplicates_within_{split}", split, what, copies)
        overlap = 0 if split == "train" else int(np.isin(hash_N, hashes[0]).sum())
        if overlap:
            what = f"{overlap:,} of {len(hash_N):,} sentences also occur in train"
            problems.warn(f"{split}_sentences_in_train", split, what, overlap)
    if chooser.single and total:
        what = f"{total:,} copies lie in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
