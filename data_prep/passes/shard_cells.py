"""The sentences of all shards in their order, on disk, and a shard's read piece by piece.

A cell holds the sentences of one bucket in one shard of one split. Each part of the corpus has its own cells, in two
files in the order of splits, shards and buckets; a shard is the cells of all parts by bucket, then by part. Axes:
S splits, H shards per split, B buckets, C cells in the order of (split, shard, bucket).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

# Parts whose files are open at once: a process may have only so many, and a corpus has any number of parts.
MAX_OPEN_PARTS = 100
SENTENCE = np.dtype(
    [
        ("sentence_id", np.int64),
        ("length", np.int32),
        ("source", np.int32),
        ("line", np.int64),
        ("document", np.int64),
        ("recut", np.bool_),
        ("origin_place", np.int64),
        ("origin_size", np.int32),
    ]
)


class PartCells(NamedTuple):
    """The files of the cells of a part, with one record per sentence and one per token."""

    sentence_path: Path
    token_path: Path
    # Of int64 (2, C + 1): where the sentences of each cell begin, and where their tokens do. In a file, because it is
    # large where shards are many.
    start_path: Path

    def starts(self, first_cell: int, num_cells: int) -> np.ndarray:
        """Of these cells, and of the one after them: int64 (2, num_cells + 1)."""
        return np.array(np.load(self.start_path, mmap_mode="r")[:, first_cell : first_cell + num_cells + 1])

    def sizes(self) -> np.ndarray:
        """Sentences and tokens of each cell: int64 (2, C)."""
        return np.diff(np.load(self.start_path))


class ShardCells(NamedTuple):
    """The cells of all parts.

    The S splits are followed by their raw sentences, if there are any: split S + s has those of split s.
    """

    splits: list[str]
    edges: list[int]
    # Fields: token, the number of a distinct one in its part; tag, BILOU id; and each feature's, named by its number.
    token_dtype: np.dtype
    parts: Sequence[PartCells]
    # Of all parts together.
    rows_SHB: np.ndarray
    tokens_SHB: np.ndarray


class ShardSentences(NamedTuple):
    """N sentences of M tokens: numbers of distinct tokens, BILOU ids, ids of the values of each feature."""

    token_M: np.ndarray
    tag_M: np.ndarray
    feature_FM: list[np.ndarray]
    # A record of SENTENCE for each; sentence_id is the position in the split.
    sentence_N: np.ndarray
    # The part of the corpus that each is of: tokens are numbered there.
    part_N: np.ndarray

    @property
    def length_N(self) -> np.ndarray:
        return self.sentence_N["length"]


def raw_name(split: str) -> str:
    """What the files of a split's raw sentences are called."""
    return f"{split}-raw"


class _Run(NamedTuple):
    """Sentences that follow one another in the files of a part: where they begin, and how many they are."""

    part: int
    row: int
    num_rows: int
    token: int


def _runs(cells: ShardCells, split_id: int, shard: int) -> list[_Run]:
    """Those of a shard, in order."""
    first_cell, num_buckets = int(np.ravel_multi_index((split_id, shard, 0), cells.rows_SHB.shape)), len(cells.edges)
    starts = [part.starts(first_cell, num_buckets).tolist() for part in cells.parts]
    if len(cells.parts) == 1:
        # All buckets follow one another.
        (row, *_, end), (token, *_) = starts[0]
        return [_Run(0, row, end - row, token)] if row < end else []
    return [
        _Run(number, row_B[b], row_B[b + 1] - row_B[b], token_B[b])
        for b in range(num_buckets)
        for number, (row_B, token_B) in enumerate(starts)
        if row_B[b] < row_B[b + 1]
    ]


class _CellFiles:
    """The files of the parts, opened when they are needed, of MAX_OPEN_PARTS at a time."""

    def __init__(self, cells: ShardCells) -> None:
        self._cells = cells
        self._files: dict[int, tuple[BinaryIO, BinaryIO]] = {}

    def close(self) -> None:
        for part in list(self._files):
            self._close(part)

    def _close(self, part: int) -> None:
        for file in self._files.pop(part):
            file.close()

    def read(self, run: _Run, max_tokens: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Records of sentences and of their tokens, up to `max_tokens` of them or one sentence at a time."""
        if run.part not in self._files:
            if len(self._files) >= MAX_OPEN_PARTS:
                # The one that was opened last is needed last, as the runs go through the parts again and again.
                self._close(next(reversed(self._files)))
            part = self._cells.parts[run.part]
            self._files[run.part] = (part.sentence_path.open("rb"), part.token_path.open("rb"))
        sentence_file, token_file = self._files[run.part]
        row, token, end, dtype = run.row, run.token, run.row + run.num_rows, self._cells.token_dtype
        while row < end:
            # Sentences have at least one token, so as many tokens have at most as many sentences.
            num_rows = min(end - row, max_tokens)
            sentence_file.seek(row * SENTENCE.itemsize)
            sentences_N = np.fromfile(sentence_file, SENTENCE, num_rows)
            ends_N = np.cumsum(sentences_N["length"], dtype=np.int64)
            num_rows = max(1, int(np.searchsorted(ends_N, max_tokens, side="right")))
            token_file.seek(token * dtype.itemsize)
            yield sentences_N[:num_rows], np.fromfile(token_file, dtype, int(ends_N[num_rows - 1]))
            row, token = row + num_rows, token + int(ends_N[num_rows - 1])


def read_shard(cells: ShardCells, split_id: int, shard: int, max_tokens: int) -> Iterator[ShardSentences]:
    """The sentences of a shard, by bucket and in corpus order, in pieces of at most `max_tokens` tokens.

    A longer sentence is a piece of its own.
    """
    sentences_N, tokens_M, part_N = np.zeros(0, SENTENCE), np.zeros(0, cells.token_dtype), np.zeros(0, np.int32)
    with closing(_CellFiles(cells)) as files:
        for run in _runs(cells, split_id, shard):
            for more_N, more_M in files.read(run, max_tokens):
                parts_N = np.full(len(more_N), run.part, np.int32)
                if len(sentences_N):
                    more_N, more_M = np.concatenate([sentences_N, more_N]), np.concatenate([tokens_M, more_M])
                    parts_N = np.concatenate([part_N, parts_N])
                sentences_N, tokens_M, part_N = more_N, more_M, parts_N
                while True:
                    ends_N = np.cumsum(sentences_N["length"], dtype=np.int64)
                    num_rows = max(1, int(np.searchsorted(ends_N, max_tokens, side="right")))
                    # The last piece may go on in what is read next.
                    if num_rows >= len(ends_N):
                        break
                    num_tokens = int(ends_N[num_rows - 1])
                    yield _sentences(sentences_N[:num_rows], tokens_M[:num_tokens], part_N[:num_rows])
                    sentences_N, tokens_M = sentences_N[num_rows:], tokens_M[num_tokens:]
                    part_N = part_N[num_rows:]
    if len(sentences_N):
        yield _sentences(sentences_N, tokens_M, part_N)


def _sentences(sentences_N: np.ndarray, tokens_M: np.ndarray, part_N: np.ndarray) -> ShardSentences:
    # Copies, because fields of packed records are not aligned.
    token_M, tag_M, *feature_FM = (tokens_M[name].copy() for name in tokens_M.dtype.names or ())
    return ShardSentences(token_M, tag_M, feature_FM, sentences_N, part_N)


def parts_of(sentences: ShardSentences, max_tokens: int) -> Iterator[ShardSentences]:
    """The same sentences in parts of at most `max_tokens` tokens; a longer sentence is a part of its own."""
    ends_N, first, begin = np.cumsum(sentences.length_N, dtype=np.int64), 0, 0
    while first < len(ends_N):
        last = max(first + 1, int(np.searchsorted(ends_N, begin + max_tokens, side="right")))
        end = int(ends_N[last - 1])
        features = [feature_M[begin:end] for feature_M in sentences.feature_FM]
        yield ShardSentences(
            sentences.token_M[begin:end],
            sentences.tag_M[begin:end],
            features,
            sentences.sentence_N[first:last],
            sentences.part_N[first:last],
        )
        first, begin = last, end
