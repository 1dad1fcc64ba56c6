"""Which split a sentence belongs to; memory does not grow with the corpus.

Axes: N sentences, R positions, D documents, G groups of hashes that begin with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.passes.id_corpus import CorpusPart, IdCorpus
from data_prep.settings import Settings, SettingsError

# Hashes of documents to sort at once, and hashes to read at once.
MAX_SORTED = 1 << 16
MAX_READ = 1 << 16
# Fewer documents are far from the fractions, however they are split.
MIN_DOCUMENTS = 10
# The first bits of a hash are its group.
GROUP_BITS = 16


class SplitRule(NamedTuple):
    """The split of each sentence: that of its file; or, if there are only files to be split, by a hash.

    The hash is the sentence's own, or that of its document.
    """

    # A set of test files alone has one split, and nothing to choose.
    single: bool
    by_document: bool
    # Documents that are not kept whole although nobody chose so.
    num_torn: int
    # Of each split after the first, the least hash; empty if the files say what is in which split.
    thresholds: np.ndarray
    split_of_source: np.ndarray

    def of_part(self, part: CorpusPart) -> PartSplits:
        return PartSplits(self, part.document_path if self.by_document else part.hash_path)


class PartSplits:
    """The splits of the sentences of a part, in order."""

    def __init__(self, rule: SplitRule, key_path: Path) -> None:
        self._rule, self._key_path, self._num_seen = rule, key_path, 0

    def next_ids(self, source_id: int, num_sentences: int) -> np.ndarray:
        """Split ids of the next sentences, which are of this source."""
        first, self._num_seen = self._num_seen, self._num_seen + num_sentences
        if not self._rule.single:
            return np.full(num_sentences, self._rule.split_of_source[source_id])
        key_N = np.fromfile(self._key_path, np.uint64, num_sentences, offset=8 * first)
        return np.searchsorted(self._rule.thresholds, key_N, side="right")


def choose_rule(corpus: IdCorpus, splits: list[str], settings: Settings) -> SplitRule:
    """Raises SettingsError if documents are to stay whole, and are fewer than the splits."""
    given = [source.split for source in corpus.sources]
    split_of_source = np.array([splits.index(split) for split in given])
    if not len(set(given)) == 1 < len(splits):
        return SplitRule(False, False, 0, np.zeros(0, np.uint64), split_of_source)
    by_document = _by_document(corpus, settings)
    is_torn = settings.split_by == "auto" and corpus.any_long and not by_document
    num_sentences = sum(part.num_sentences for part in corpus.parts)
    # Thresholds at quantiles of the hashes: exact fractions, and copies of a sentence stay together.
    cuts = np.round(np.cumsum(settings.split)[:-1] * num_sentences).astype(int)
    choose = _document_thresholds if by_document else _hashes_at
    paths = [part.document_path if by_document else part.hash_path for part in corpus.parts]
    thresholds = choose(paths, np.minimum(cuts, num_sentences - 1))
    return SplitRule(True, by_document, corpus.num_documents if is_torn else 0, thresholds, split_of_source)


def _by_document(corpus: IdCorpus, settings: Settings) -> bool:
    """Whether documents stay whole. Raises SettingsError if they are to, and are fewer than the splits."""
    num_documents, num_splits = corpus.num_documents, len(settings.split)
    if settings.split_by == "document" and num_documents < num_splits:
        found = f"{num_documents or 'no'} document{'' if num_documents == 1 else 's'} for {num_splits} splits"
        raise SettingsError(f"--split-by document, but {corpus.sources[0].file} has {found}; pass --split-by sentence")
    if settings.split_by != "auto":
        return settings.split_by == "document"
    # Documents of one sentence each are what splitting by sentence keeps apart, too; it also keeps copies together.
    return corpus.any_long and num_documents >= MIN_DOCUMENTS


def _read(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """The hashes of one block of the files after another."""
    for path in paths:
        with open(path, "rb") as file:
            while len(hash_N := np.fromfile(file, np.uint64, MAX_READ)):
                yield hash_N


def _groups(hash_N: np.ndarray) -> np.ndarray:
    return (hash_N >> np.uint64(64 - GROUP_BITS)).astype(np.int64)


def _hashes_at(paths: Sequence[Path], position_R: np.ndarray) -> np.ndarray:
    """The hashes at these positions in ascending order of all hashes; sorts only the groups that contain them."""
    count_G = np.zeros(1 << GROUP_BITS, np.int64)
    for hash_N in _read(paths):
        count_G += np.bincount(_groups(hash_N), minlength=len(count_G))
    end_G = np.cumsum(count_G)
    group_R = np.searchsorted(end_G, position_R, side="right")
    chosen_G = np.isin(np.arange(len(count_G)), group_R)
    chosen = np.sort(np.concatenate([hash_N[chosen_G[_groups(hash_N)]] for hash_N in _read(paths)]))
    # How many hashes of groups that are not chosen come before each group.
    others_G = np.cumsum(np.where(chosen_G, 0, count_G))
    return chosen[position_R - others_G[group_R]]


def _document_thresholds(paths: Sequence[Path], position_R: np.ndarray) -> np.ndarray:
    """Hashes that cut between documents: as near to these positions as possible, and so that each split gets one."""
    hash_D, size_D = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for hash_N in _read(paths):
        found, size = np.unique(hash_N, return_counts=True)
        hash_D, place = np.unique(np.concatenate([hash_D, found]), return_inverse=True)
        size_D = np.bincount(place.ravel(), np.concatenate([size_D, size])).astype(np.int64)
        if len(hash_D) > MAX_SORTED:
            # Of so many documents, those at the positions are small.
            return _hashes_at(paths, position_R)
    # Sentences before each border.
    border_D = np.append(0, np.cumsum(size_D))
    num_before, cuts = 0, []
    for position, splits_after in zip(position_R, range(len(position_R), 0, -1)):
        nearest = int(np.argmin(np.abs(border_D - position)))
        num_before = max(0, min(max(nearest, num_before + 1), len(hash_D) - splits_after))
        cuts.append(num_before)
    return hash_D[cuts]
