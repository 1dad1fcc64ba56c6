"""Which sentences occur more than once, within a split and across splits; memory does not grow with the corpus.

Hashes are sorted range by range: the ranges are tasks, and each task reads all hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import CorpusPart, IdCorpus
from data_prep.passes.splits import MAX_READ, SplitRule
from data_prep.problems import Problems
from ner_dist.engines.executor import Advance, Executor

# Hashes to sort at once. All hashes are read at most MAX_RANGES times.
MAX_SORTED = 1 << 16
MAX_RANGES = 64


class _Hashes(NamedTuple):
    """Those of all sentences of a corpus."""

    parts: Sequence[CorpusPart]
    rule: SplitRule
    num_splits: int
    # Whether the first split is train.
    has_train: bool
    num_ranges: int

    def of_range(self, number: int) -> list[np.ndarray]:
        """The hashes of each split in ascending order."""
        begin, end = ((edge << 64) // self.num_ranges for edge in (number, number + 1))
        first, last = np.array([begin, end - 1], np.uint64)
        found: list[list[np.ndarray]] = [[] for _ in range(self.num_splits)]
        for hash_N, split_N in self._blocks():
            mine = np.flatnonzero((hash_N >= first) & (hash_N <= last))
            hash_N, split_N = hash_N[mine], split_N[mine]
            for split_id, hashes in enumerate(found):
                hashes.append(hash_N[split_N == split_id])
        return [np.sort(np.concatenate(hashes)) for hashes in found]

    def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in self.parts:
            splits = self.rule.of_part(part)
            with open(part.hash_path, "rb") as file:
                for source_id, num_sentences in part.sources:
                    for begin in range(0, num_sentences, MAX_READ):
                        hash_N = np.fromfile(file, np.uint64, min(MAX_READ, num_sentences - begin))
                        yield hash_N, splits.next_ids(source_id, len(hash_N))


class _RangeTask(NamedTuple):
    hashes: Carried[_Hashes]
    ranges: range


def _count_ranges(task: _RangeTask, advance: Advance) -> np.ndarray:
    """By split: the sentences of these ranges, the copies among them, and those that also occur in train: int64."""
    hashes = task.hashes.get()
    counts = np.zeros((3, hashes.num_splits), np.int64)
    for number in task.ranges:
        by_split = hashes.of_range(number)
        counts[0] += [len(hash_N) for hash_N in by_split]
        counts[1] += [np.count_nonzero(hash_N[1:] == hash_N[:-1]) for hash_N in by_split]
        # Without a train there is nothing to occur in it.
        train = by_split[0] if hashes.has_train else np.zeros(0, np.uint64)
        # A hash that occurs in train ends further right in it than it begins.
        ends = (np.searchsorted(train, hash_N, "right") - np.searchsorted(train, hash_N) for hash_N in by_split[1:])
        counts[2] += [0, *map(np.count_nonzero, ends)]
    return counts


def count_duplicates(
    corpus: IdCorpus, rule: SplitRule, splits: list[str], problems: Problems, executor: Executor
) -> None:
    """Warn about copies within a split, sentences of dev and test that also occur in train, and documents that are in
    several splits. All are kept."""
    all_sentences = sum(part.num_sentences for part in corpus.parts)
    num_ranges = max(1, min(MAX_RANGES, -(-all_sentences // MAX_SORTED)))
    hashes = _Hashes(corpus.parts, rule, len(splits), splits[0] == "train", num_ranges)
    carried = Carried(hashes, corpus.parts[0].path.with_name("all-hashes"))
    step = -(-num_ranges // executor.num_workers)
    tasks = [_RangeTask(carried, range(num_ranges)[begin : begin + step]) for begin in range(0, num_ranges, step)]
    num_sentences, copies, overlap = np.sum(executor.run("duplicates", _count_ranges, tasks), axis=0)
    for split_id, split in enumerate(splits):
        for name, count, what in (
            (f"duplicates_within_{split}", copies[split_id], "are copies of another one"),
            (f"{split}_sentences_in_train", overlap[split_id], "also occur in train"),
        ):
            if count:
                problems.warn(name, split, f"{count:,} of {num_sentences[split_id]:,} sentences {what}", int(count))
    total = int(copies.sum())
    if rule.num_torn > 1:
        what = f"{rule.num_torn} documents are too few to stay whole by default, so sentences are split"
        advice = "; --split-by document keeps them whole" if rule.num_torn >= len(splits) else ""
        problems.warn("documents_split", "split", what + advice, rule.num_torn)
    if rule.single and not rule.by_document and total:
        what = f"{total:,} copies are in the split of their original"
        problems.warn("duplicate_sentences_kept_together", "split", what, total)
