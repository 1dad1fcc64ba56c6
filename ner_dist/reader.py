"""Shards -> batches: holds one rank's sentences of a split, a chapter at a time, and pads them into arrays.

Axes: T tokens of the longest sentence, B sentences, W distinct words, N distinct forms (spellings),
P characters of the longest form, C the same with padding on both sides, F features.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.chapters import Piece, chapter_pieces
from ner_dist.distinct import Distinct
from ner_dist.flat import Flat, flatten
from ner_dist.plan import Step
from ner_dist.shard_format import Index, read_vocab
from ner_dist.shard_table import Shard, open_shard, read_pieces


class Batch(NamedTuple):
    """One rank's part of a step. Time comes first, as the recurrent layers want it."""

    # Vocabulary ids of the batch's words, rising, int64 (W); word_TB (int32) points into it.
    word_ids_W: np.ndarray
    word_TB: np.ndarray
    # Characters of each distinct form, padded on both sides; a token finds its own through form_TB.
    char_NC: np.ndarray
    char_type_NC: np.ndarray
    form_TB: np.ndarray
    feature_FTB: np.ndarray
    tag_TB: np.ndarray
    # float32: 1 at tokens, 0 at padding.
    mask_TB: np.ndarray
    length_B: np.ndarray
    sentence_id_B: np.ndarray

    @property
    def num_tokens(self) -> int:
        return int(self.length_B.sum())


class _Held(NamedTuple):
    """A chapter in memory."""

    # Which it is of which epoch.
    epoch: int
    chapter: int
    flat: Flat
    forms: Distinct
    # Sentences in the order of (shard, bucket), and where those of each bucket begin, by shard.
    row_R: np.ndarray
    first_row: dict[int, np.ndarray]


class Sentences:
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
        self._words = Distinct(self._num_words)
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
        flat = flatten(tables, self._index.features, self._num_words, self._num_known)
        cell_R = np.repeat(np.array(cells, np.int64), sizes)
        rows_C = np.bincount(cell_R, minlength=len(self._shards) * num_buckets)
        first_SB = (np.cumsum(rows_C) - rows_C).reshape(-1, num_buckets)
        return _Held(
            epoch,
            chapter,
            flat,
            Distinct(len(flat.char_length_N)),
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
        return self._batch(held, np.concatenate(rows)) if rows else None

    def scoring_batches(self, batch_sentences: int) -> Iterator[Batch]:
        """Every sentence once, in batches of similar length."""
        for chapter in range(self._chapters):
            self.hold(0, chapter)
            assert self._held is not None
            rows = np.argsort(self._held.flat.length_R, kind="stable")
            for first in range(0, len(rows), batch_sentences):
                yield self._batch(self._held, rows[first : first + batch_sentences])

    def _batch(self, held: _Held, rows: np.ndarray) -> Batch:
        """The sentences at rows, (B,), padded to the longest of them."""
        flat = held.flat
        length_B = flat.length_R[rows]
        # (T, B) positions of tokens in the flat arrays, of which the last is padding.
        offset_T1 = np.arange(length_B.max())[:, None]
        real_TB = offset_T1 < length_B
        at_TB = np.where(real_TB, flat.first_R[rows] + offset_T1, len(flat.word_M) - 1)

        word_TB, form_TB = flat.word_M[at_TB], flat.form_M[at_TB]
        word_ids_W = self._words.find(word_TB[real_TB])
        form_ids_N = held.forms.find(form_TB[real_TB])
        char_NC = self._characters(flat, form_ids_N)
        feature_FTB = np.empty((len(flat.feature_FM), *real_TB.shape), np.int32)
        for values_TB, feature_M in zip(feature_FTB, flat.feature_FM):
            values_TB[:] = feature_M[at_TB]
        return Batch(
            word_ids_W=word_ids_W.astype(np.int64),
            word_TB=self._words.places(word_TB),
            char_NC=char_NC,
            char_type_NC=self._char_types[char_NC],
            form_TB=held.forms.places(form_TB),
            feature_FTB=feature_FTB,
            tag_TB=flat.tag_M[at_TB].astype(np.int32),
            mask_TB=real_TB.astype(np.float32),
            length_B=length_B,
            sentence_id_B=flat.sentence_id_R[rows],
        )

    def _characters(self, flat: Flat, form_ids_N: np.ndarray) -> np.ndarray:
        """char_NC of these forms."""
        length_N1 = flat.char_length_N[form_ids_N][:, None]
        offset_C = np.arange(-self._char_padding, int(length_N1.max()) + self._char_padding)
        # Before its first character and after its last, a form has the padding that is at the end of all.
        at_NC = flat.char_first_N[form_ids_N][:, None] + offset_C
        at_NC = np.where((offset_C < 0) | (offset_C >= length_N1), len(flat.char) - 1, at_NC)
        return flat.char[at_NC].astype(np.int32)
