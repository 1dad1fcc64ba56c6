"""Which split a sentence belongs to, and which sentences occur more than once; memory does not grow with the corpus.

Axes: N sentences, R positions, D documents, G groups of hashes that begin with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.passes.read_pass import IdCorpus
from data_prep.problems import Problems
from data_prep.settings import Settings, SettingsError

# Hashes to sort at once and to read at once. To sort them range by range, the file is read at most MAX_RANGES times.
MAX_SORTED = 1 << 16
MAX_READ = 1 << 16
MAX_RANGES = 64
# Fewer documents are far from the fractions, however they are split.
MIN_DOCUMENTS = 10
# The first bits of a hash are its group.
GROUP_BITS = 16


class SplitChooser:
    """Chooses the split of each sentence: that of its file; or, if there are only files to be split, by a hash.

    The hash is the sentence's own, or that of its document.
    """

    def __init__(self, corpus: IdCorpus, splits: list[str], settings: Settings):
        self.hash_path = corpus.hash_path
        self.source_ends = np.cumsum([source.num_sentences for source in corpus.sources])
        self.num_sentences = int(self.source_ends[-1])
        self.num_seen = 0
        given = [source.split for source in corpus.sources]
        # A set of test files alone has one split, and nothing to choose.
        self.single = len(set(given)) == 1 < len(splits)
        self.by_document = self.single and _by_document(corpus, settings)
        # Documents that are not kept whole although nobody chose so.
        is_auto = self.single and settings.split_by == "auto" and corpus.documents.any_long
        self.num_torn = corpus.documents.num_documents if is_auto and not self.by_document else 0
        self.key_path = corpus.documents.path if self.by_document else corpus.hash_path
        if self.single:
            # Thresholds at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
            cuts = np.round(np.cumsum(settings.split)[:-1] * self.num_sentences).astype(int)
            cuts = np.minimum(cuts, self.num_sentences - 1)
            choose = _document_thresholds if self.by_document else _hashes_at
            self.thresholds = choose(self.key_path, cuts)
        else:
            self.split_of_source = np.array([splits.index(split) for split in given])

    def next_ids(self, num_sentences: int) -> np.ndarray:
        """Split ids of the next sentences in corpus order."""
        first, self.num_seen = self.num_seen, self.num_seen + num_sentences
        return self._ids(first, num_sentences)

    def _ids(self, first: int, num_sentences: int) -> np.ndarray:
        """Split ids of the sentences from number `first` on."""
        if self.single:
            key_N = np.fromfile(self.key_path, np.uint64, num_sentences, offset=8 * first)
            return np.searchsorted(self.thresholds, key_N, side="right")
        source_N = np.searchsorted(self.source_ends, np.arange(first, first + num_sentences), side="right")
        return self.split_of_source[source_N]

    def sorted_ranges(self, num_splits: int) -> Iterator[list[np.ndarray]]:
        """For one range of hashes after another, the hashes of each split in ascending order."""
        num_ranges = min(MAX_RANGES, -(-self.num_sentences // MAX_SORTED))
        bounds = np.array([(part << 64) // num_ranges for part in range(1, num_ranges)], np.uint64)
        for part in range(num_ranges):
            found: list[list[np.ndarray]] = [[] for _ in range(num_splits)]
            for first, hash_N in _read(self.hash_path):
                mine = np.flatnonzero(np.searchsorted(bounds, hash_N, side="right") == part)
                hash_N, split_N = hash_N[mine], self._ids(first, len(hash_N))[mine]
                for split_id, hashes in enumerate(found):
                    hashes.append(hash_N[split_N == split_id])
            yield [np.sort(np.concatenate(hashes)) for hashes in found]


def _by_document(corpus: IdCorpus, settings: Settings) -> bool:
    """Whether documents stay whole. Raises SettingsError if they are to, and are fewer than the splits."""
    num_documents, num_splits = corpus.documents.num_documents, len(settings.split)
    if settings.split_by == "document" and num_documents < num_splits:
        found = f"{num_documents or 'no'} document{'' if num_documents == 1 else 's'} for {num_splits} splits"
        raise SettingsError(f"--split-by document, but {corpus.sources[0].file} has {found}; pass --split-by sentence")
    if settings.split_by != "auto":
        return settings.split_by == "document"
    # Documents of one sentence each are what splitting by sentence keeps apart, too; it also keeps copies together.
    return corpus.documents.any_long and num_documents >= MIN_DOCUMENTS


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


def _document_thresholds(path: Path, position_R: np.ndarray) -> np.ndarray:
    """Hashes that cut between documents: as near to these positions as possible, and so that each split gets one."""
    hash_D, size_D = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for _, hash_N in _read(path):
        found, size = np.unique(hash_N, return_counts=True)
        hash_D, place = np.unique(np.concatenate([hash_D, found]), return_inverse=True)
        size_D = np.bincount(place.ravel(), np.concatenate([size_D, size])).astype(np.int64)
        if len(hash_D) > MAX_SORTED:
            # Of so many documents, those at the positions are small.
            return _hashes_at(path, position_R)
    # Sentences before each border.
    border_D = np.append(0, np.cumsum(size_D))
    num_before, cuts = 0, []
    for position, splits_after in zip(position_R, range(len(position_R), 0, -1)):
        nearest = int(np.argmin(np.abs(border_D - position)))
        num_before = max(0, min(max(nearest, num_before + 1), len(hash_D) - splits_after))
        cuts.append(num_before)
    return hash_D[cuts]


def count_duplicates(chooser: SplitChooser, splits: list[str], problems: Problems) -> None:
    """Warn about copies within a split, sentences of dev and test that also occur in train, and documents that are in
    several splits. All are kept."""
    num_sentences, copies, overlap = np.zeros((3, len(splits)), np.int64)
    for hashes_by_split in chooser.sorted_ranges(len(splits)):
        num_sentences += [len(hash_N) for hash_N in hashes_by_split]
        copies += [np.count_nonzero(hash_N[1:] == hash_N[:-1]) for hash_N in hashes_by_split]
        # Without a train there is nothing to occur in it.
        train = hashes_by_split[0] if splits[0] == "train" else np.zeros(0, np.uint64)
        others = hashes_by_split[1:]
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
    if chooser.num_torn > 1:
        what = f"{chooser.num_torn} documents are too few to stay whole by default, so sentences are split"
        advice = "; --split-by document keeps them whole" if chooser.num_torn >= len(splits) else ""
        problems.warn("documents_split", "split", what + advice, chooser.num_torn)
    if chooser.single and not chooser.by_document and total:
        what = f"{total:,} copies are in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
