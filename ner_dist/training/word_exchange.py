"""The exchange before a window of steps: each rank tells the others which words its batches use.

With the words of all ranks known beforehand, a step needs to sum the embedding gradients of those rows alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.data.batch import Batch
from ner_dist.ranks.comm import Comm


class GlobalStep(NamedTuple):
    """What all ranks know of a step before it begins, summed over the ranks' batches. Axis U: words of the step."""

    # Distinct word ids of all batches, ascending.
    ids_U: np.ndarray
    num_sentences: int
    num_tokens: int
    # Tokens and padding.
    num_slots: int


def exchange_word_ids(comm: Comm, batches: list[Batch | None]) -> list[GlobalStep]:
    """One exchange for the next steps, of which `batches` are this rank's parts; None: it has no sentences there."""
    message = []
    for batch in batches:
        ids = np.zeros(0, np.int64) if batch is None else batch.word_ids_W
        sizes = (0, 0, 0) if batch is None else (len(batch.length_B), batch.num_tokens, batch.mask_TB.size)
        message += [np.array([*sizes, len(ids)], np.int64), ids]
    gathered, at = comm.gather_int64(np.concatenate(message)), 0
    counts_S3 = np.zeros((len(batches), 3), np.int64)
    ids_S: list[list[np.ndarray]] = [[] for _ in batches]
    for _ in range(comm.num_ranks):
        for step, ids_of_ranks in enumerate(ids_S):
            counts_S3[step] += gathered[at : at + 3]
            first, at = at + 4, at + 4 + int(gathered[at + 3])
            ids_of_ranks.append(gathered[first:at])
    return [GlobalStep(np.unique(np.concatenate(ids)), *counts) for ids, counts in zip(ids_S, counts_S3.tolist())]
