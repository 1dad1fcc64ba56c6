"""Third pass: resolved sentences -> one file a (split, bucket), in corpus order; memory does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.buckets import bucket_ids
from data_prep.chunks import append_chunk, ragged_positions, read_chunks
from data_prep.resolve import NUM_ARRAYS as NUM_RESOLVED_ARRAYS


class Sentences(NamedTuple):
    """N sentences of M tokens: numbers of distinct tokens, BILOU ids, numbers of POS; position in the split."""

    token_M: np.ndarray
    tag_M: np.ndarray
    # Empty if the corpus has no parts of speech.
    pos_M: np.ndarray
    length_N: np.ndarray
    sentence_id_N: np.ndarray

    def take(self, order_N: np.ndarray) -> Sentences:
        """The sentences in another order, or some of them."""
        length_N = self.length_N.astype(np.int64)
        begin_N = np.cumsum(length_N) - length_N
        # Token positions of the chosen sentences, one sentence after another.
        places_M = ragged_positions(begin_N[order_N], length_N[order_N])
        pos_M = self.pos_M[places_M] if len(self.pos_M) else self.pos_M
        return Sentences(
            self.token_M[places_M], self.tag_M[places_M], pos_M, self.length_N[order_N], self.sentence_id_N[order_N]
        )


def concatenate(parts: list[Sentences]) -> Sentences:
    return Sentences(*(np.concatenate(column) for column in zip(*parts)))


def _bucket_path(directory: Path, split_id: int, bucket: int) -> Path:
    return directory / f"{split_id}-{bucket}"


def partition(resolved_path: Path, directory: Path, num_splits: int, edges: list[int]) -> None:
    """Write each sentence to the file of its split and bucket."""
    num_buckets = len(edges)
    next_id_S = np.zeros(num_splits, np.int64)
    with ExitStack() as stack:
        files = [
            stack.enter_context(open(_bucket_path(directory, split_id, bucket), "wb"))
            for split_id in range(num_splits)
            for bucket in range(num_buckets)
        ]
        for token_M, tag_M, pos_M, length_N, split_N in read_chunks(resolved_path, NUM_RESOLVED_ARRAYS):
            sentence_id_N = np.zeros(len(length_N), np.int64)
            for split_id in range(num_splits):
                mine = np.flatnonzero(split_N == split_id)
                sentence_id_N[mine] = next_id_S[split_id] + np.arange(len(mine))
                next_id_S[split_id] += len(mine)
            key_N = split_N * num_buckets + bucket_ids(length_N, edges)
            order = np.argsort(key_N, kind="stable")
            ordered = Sentences(token_M, tag_M, pos_M, length_N, sentence_id_N).take(order)
            bounds = np.searchsorted(key_N[order], np.arange(len(files) + 1))
            token_bounds = np.concatenate([[0], np.cumsum(ordered.length_N)])[bounds]
            for key in np.unique(key_N):
                rows, tokens = slice(bounds[key], bounds[key + 1]), slice(token_bounds[key], token_bounds[key + 1])
                by_token = [column[tokens] for column in ordered[:3]]
                append_chunk(files[key], [*by_token, *(column[rows] for column in ordered[3:])])


def read_bucket(directory: Path, split_id: int, bucket: int, num_tokens: int) -> Iterator[Sentences]:
    """The sentences of one bucket in corpus order, in groups of about `num_tokens` tokens."""
    parts: list[Sentences] = []
    held = 0
    for columns in read_chunks(_bucket_path(directory, split_id, bucket), len(Sentences._fields)):
        parts.append(Sentences(*columns))
        held += len(parts[-1].token_M)
        if held >= num_tokens:
            yield concatenate(parts)
            parts, held = [], 0
    if parts:
        yield concatenate(parts)
