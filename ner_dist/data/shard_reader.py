"""Shards -> batches: one rank's sentences of a split, of which one chapter at a time is in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.contract.shard_tables import VerifiedShard, open_shard
from ner_dist.data import used_inputs
from ner_dist.data.batch import Batch, BatchBuilder, Deduplicator
from ner_dist.data.chapters import RowSelection, chapter_selections, num_chapters
from ner_dist.data.concatenate_tables import concatenate_tables
from ner_dist.data.shard_file import read_rows
from ner_dist.data.step_plan import Step, owned_shards
from ner_dist.errors import UserError
from ner_dist.stores.mirror import fetch_ahead, release_all


class _LoadedChapter(NamedTuple):
    epoch: int
    chapter: int
    builder: BatchBuilder
    # Sentences in the order of (shard, bucket), and by shard where each bucket begins in it.
    row_R: np.ndarray
    first_row: dict[int, np.ndarray]


class ShardReader:
    """Batches of the sentences in one rank's shards of a split."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        index: Index,
        split: str,
        shards: list[int],
        char_padding: int,
        num_words: int | None = None,
        chapters: int = 1,
        seed: int = 0,
    ) -> None:
        """Verify the shards, and load them if they are one chapter. Raises ShardError naming the file and its fault.

        split: a split, or train+dev, which reads shards of the same number together. char_padding: on either side of a
        spelling. num_words: word ids from there on become UNK_ID. seed: of the chapters.
        """
        self._index, self._chapters, self._seed = index, chapters, seed
        # By shard number: one file per split.
        self._shards = {
            shard: [open_shard(Path(directory), index.splits[part][shard]) for part in split.split("+")]
            for shard in shards
        }
        self._char_types = np.asarray(read_vocab(directory, index, "char")["types"], np.int32)
        self._char_padding = char_padding
        self._num_words = index.vocab["word"].num_values
        self._num_known = self._num_words if num_words is None else num_words
        self._words = Deduplicator(self._num_words)
        self._loaded: _LoadedChapter | None = None
        if chapters == 1:
            self.load_chapter(0, 0)
            # All of it is in memory now.
            release_all([file.path for file in self.files])

    @property
    def files(self) -> list[VerifiedShard]:
        return [file for files in self._shards.values() for file in files]

    def load_chapter(self, epoch: int, chapter: int) -> None:
        """Put this chapter of the epoch in memory, instead of the previous one. Raises ShardError."""
        if self._chapters == 1:
            # The same in every epoch.
            epoch = 0
        if self._loaded is None or self._loaded[:2] != (epoch, chapter):
            # Freed first: there are never two in memory.
            self._loaded = None
            self._loaded = self._load(epoch, chapter)

    def _load(self, epoch: int, chapter: int) -> _LoadedChapter:
        num_buckets = len(self._index.bucket_edges)
        files: list[tuple[VerifiedShard, list[RowSelection]]] = []
        # Cells: the buckets of the first shard, then those of the second, ...
        cells, sizes = [], []
        for number, (shard, shard_files) in enumerate(self._shards.items()):
            for file, selections in zip(shard_files, self._selections(shard, epoch, chapter)):
                files.append((file, selections))
                cells += [number * num_buckets + int(file.bucket_of_group[s.group]) for s in selections]
                sizes += [s.num_rows for s in selections]
        tables = (table for file, selections in files for table in read_rows(file, self._index, selections))
        sentences = concatenate_tables(tables, self._index.features, self._num_words, self._num_known)
        cell_R = np.repeat(np.array(cells, np.int64), sizes)
        rows_C = np.bincount(cell_R, minlength=len(self._shards) * num_buckets)
        first_SB = (np.cumsum(rows_C) - rows_C).reshape(-1, num_buckets)
        builder = BatchBuilder(sentences, self._words, self._char_types, self._char_padding)
        row_R, first_row = np.argsort(cell_R, kind="stable"), dict(zip(self._shards, first_SB))
        return _LoadedChapter(epoch, chapter, builder, row_R, first_row)

    def _selections(self, shard: int, epoch: int, chapter: int) -> list[list[RowSelection]]:
        """The chapter's rows in each of the shard's files, by row group."""
        files = self._shards[shard]
        selections: list[list[RowSelection]] = [[] for _ in files]
        for bucket in range(len(self._index.bucket_edges)):
            groups = [(i, g) for i, file in enumerate(files) for g in np.flatnonzero(file.bucket_of_group == bucket)]
            rows_G = np.array([files[i].rows_of_group[group] for i, group in groups], np.int64)
            for selection in chapter_selections(rows_G, self._chapters, chapter, self._seed, epoch, shard, bucket):
                i, group = groups[selection.group]
                selections[i].append(selection._replace(group=int(group)))
        return selections

    def step_batch(self, step: Step) -> Batch | None:
        """The batch of a planned step, None if this rank has no part in it. Its chapter must be loaded."""
        loaded = self._loaded
        assert loaded is not None
        assert loaded.chapter == step.chapter
        rows = [loaded.row_R[loaded.first_row[shard][step.bucket_id] + rows] for shard, rows in step.parts]
        return loaded.builder.batch(np.concatenate(rows)) if rows else None

    def scoring_batches(self, batch_sentences: int) -> Iterator[Batch]:
        """Every sentence once, in batches of similar length."""
        for chapter in range(self._chapters):
            self.load_chapter(0, chapter)
            assert self._loaded is not None
            rows = np.argsort(self._loaded.builder.sentences.length_R, kind="stable")
            for first in range(0, len(rows), batch_sentences):
                yield self._loaded.builder.batch(rows[first : first + batch_sentences])


def open_split(
    config: Config, index: Index, split: str, directory: str | Path, num_ranks: int, rank: int
) -> ShardReader:
    """A reader of a rank's own shards of a split, or of train+dev. Raises UserError if there is no such split."""
    return open_splits(config, index, [split], directory, num_ranks, rank)[split]


def open_splits(
    config: Config, index: Index, splits: list[str], directory: str | Path, num_ranks: int, rank: int
) -> dict[str, ShardReader]:
    """The same of several splits. Of a set in a store, files are transferred while those before them are read."""
    owned = {split: _own_shards(index, split, directory, num_ranks, rank) for split in splits}
    listed = [index.splits[part][i] for split in splits for i in owned[split] for part in split.split("+")]
    fetch_ahead([Path(directory) / entry.path for entry in listed])
    padding, known = config.model.char_width // 2, used_inputs.num_words(config.model, index)
    readers = {}
    for split in splits:
        chapters = num_chapters(index, split, config.data.memory_mb)
        part = (split, owned[split], padding, known, chapters, config.train.seed)
        readers[split] = ShardReader(directory, index, *part)
    return readers


def _own_shards(index: Index, split: str, directory: str | Path, num_ranks: int, rank: int) -> list[int]:
    parts = split.split("+")
    for part in parts:
        if part not in index.splits:
            raise UserError(f"{directory}: has no {part} split, only {', '.join(index.splits)}")
    return owned_shards(len(index.splits[parts[0]]), num_ranks, rank)


def train_rows(config: Config, index: Index) -> np.ndarray:
    """Sentences of each training shard in each bucket, (S, B): the geometry that the step plan needs."""
    parts = [index.splits[split] for split in config.data.train_on.split("+")]
    return sum(np.array([shard.rows for shard in shards], np.int64) for shards in parts)  # type: ignore[return-value]


def train_chapters(config: Config, index: Index) -> int:
    """Chapters of a training epoch. They depend on the data and the knob alone, as they decide the sentences' order."""
    return num_chapters(index, config.data.train_on, config.data.memory_mb)
