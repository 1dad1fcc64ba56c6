"""Shards -> batches: holds one rank's sentences of a split, a chapter at a time, and finds those of a step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_vocab
from ner_dist.data import used_inputs
from ner_dist.data.batch import Batch, Batcher, Deduplicator
from ner_dist.data.chapters import Piece, chapter_pieces, num_chapters
from ner_dist.data.sentence_arrays import SentenceArrays, sentence_arrays_of
from ner_dist.data.shard_file import Shard, open_shard, read_pieces
from ner_dist.data.step_plan import Step


class _Held(NamedTuple):
    """A chapter in memory."""

    # Which it is of which epoch.
    epoch: int
    chapter: int
    flat: SentenceArrays
    batches: Batcher
    # Sentences in the order of (shard, bucket), and where those of each bucket begin, by shard.
    row_R: np.ndarray
    first_row: dict[int, np.ndarray]


class ShardReader:
    """The sentences of one rank's shards of one split, of which one chapter is in memory, and batches made of them."""

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
        """Check the shards, and read them if they are one chapter; char_padding goes on both sides of a form.

        split: one, or train+dev, whose shards of the same number are taken together. num_words: word ids from there
        on are read as unknown ones. seed: of the chapters. Raises ShardError naming the file and what is wrong.
        """
        self._index, self._chapters, self._seed = index, chapters, seed
        # By number: one file a split.
        self._shards = {
            shard: [open_shard(Path(directory), index.splits[part][shard]) for part in split.split("+")]
            for shard in shards
        }
        self._char_types = np.asarray(read_vocab(directory, index, "char")["types"], np.int32)
        self._char_padding = char_padding
        self._num_words = index.vocab["word"].num_values
        self._num_known = self._num_words if num_words is None else num_words
        self._words = Deduplicator(self._num_words)
        self._held: _Held | None = None
        if chapters == 1:
            self.hold(0, 0)

    def hold(self, epoch: int, chapter: int) -> None:
        """Have this chapter of the epoch in memory, in the place of the one before. Raises ShardError."""
        if self._chapters == 1:
            # The same in every epoch.
            epoch = 0
        if self._held is None or self._held[:2] != (epoch, chapter):
            # Given back first: there are never two.
            self._held = None
            self._held = self._read(epoch, chapter)

    def _read(self, epoch: int, chapter: int) -> _Held:
        num_buckets = self._index.num_buckets
        files: list[tuple[Shard, list[Piece]]] = []
        # Cells: the buckets of the first shard, then those of the second, ...
        cells, sizes = [], []
        for number, (shard, of_splits) in enumerate(self._shards.items()):
            for file, pieces in zip(of_splits, self._pieces(shard, epoch, chapter)):
                files.append((file, pieces))
                cells += [number * num_buckets + int(file.bucket_of_group[piece.group]) for piece in pieces]
                sizes += [piece.num_rows for piece in pieces]
        tables = (table for file, pieces in files for table in read_pieces(file, self._index, pieces))
        flat = sentence_arrays_of(tables, self._index.features, self._num_words, self._num_known)
        cell_R = np.repeat(np.array(cells, np.int64), sizes)
        rows_C = np.bincount(cell_R, minlength=len(self._shards) * num_buckets)
        first_SB = (np.cumsum(rows_C) - rows_C).reshape(-1, num_buckets)
        return _Held(
            epoch,
            chapter,
            flat,
            Batcher(flat, self._words, self._char_types, self._char_padding),
            np.argsort(cell_R, kind="stable"),
            dict(zip(self._shards, first_SB)),
        )

    def _pieces(self, shard: int, epoch: int, chapter: int) -> list[list[Piece]]:
        """What the chapter has of each of the files that are this shard, by row group."""
        files = self._shards[shard]
        pieces: list[list[Piece]] = [[] for _ in files]
        for bucket in range(self._index.num_buckets):
            groups = [(i, g) for i, file in enumerate(files) for g in np.flatnonzero(file.bucket_of_group == bucket)]
            rows_G = np.array([files[i].entry.row_groups[group] for i, group in groups], np.int64)
            for piece in chapter_pieces(rows_G, self._chapters, chapter, self._seed, epoch, shard, bucket):
                i, group = groups[piece.group]
                pieces[i].append(piece._replace(group=int(group)))
        return pieces

    def step_batch(self, step: Step) -> Batch | None:
        """The batch of a plan's step, or None if this rank has no part in it. Its chapter must be the one held."""
        held = self._held
        assert held is not None
        assert held.chapter == step.chapter
        rows = [held.row_R[held.first_row[shard][step.bucket_id] + rows] for shard, rows in step.parts]
        return held.batches.batch(np.concatenate(rows)) if rows else None

    def scoring_batches(self, batch_sentences: int) -> Iterator[Batch]:
        """Every sentence once, in batches of similar length."""
        for chapter in range(self._chapters):
            self.hold(0, chapter)
            assert self._held is not None
            rows = np.argsort(self._held.flat.length_R, kind="stable")
            for first in range(0, len(rows), batch_sentences):
                yield self._held.batches.batch(rows[first : first + batch_sentences])


def open_split(config: Config, index: Index, split: str, owned: list[int], shards: str | Path) -> ShardReader:
    return ShardReader(
        shards,
        index,
        split,
        owned,
        config.model.char_width // 2,
        used_inputs.num_words(config.model, index),
        num_chapters(index, split, config.data.memory_mb),
        config.train.seed,
    )


def train_rows(config: Config, index: Index) -> np.ndarray:
    """Sentences of each training shard in each bucket, (S, B): the geometry that the plan works on."""
    parts = [index.splits[split] for split in config.data.train_on.split("+")]
    return sum(np.array([shard.rows for shard in shards], np.int64) for shards in parts)  # type: ignore[return-value]


def train_chapters(config: Config, index: Index) -> int:
    """Chapters of an epoch of training: of the data and the knob alone, as the order of the sentences depends on it."""
    return num_chapters(index, config.data.train_on, config.data.memory_mb)
