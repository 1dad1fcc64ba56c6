"""Entities by exact characters, counted by record of the source: what models that cut texts differently have in common.

Axes: U records, N sentences, R raw rows, E entities, 3 counts (right, predicted, gold).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ner_dist.evaluation.score_split import OpenedSplit
from ner_dist.reporting.gold_split import GoldSplit, read_raw_places
from ner_dist.reporting.tallies import Tally


class RecordCounts(NamedTuple):
    # Each record's file and its number there, ascending; int64 (U, 2).
    place_U2: np.ndarray
    count_U3: np.ndarray


def count_records(
    opened: OpenedSplit, split: str, gold: GoldSplit, entity: Tally, predicted_E4: np.ndarray
) -> RecordCounts:
    """The counts of the score over characters (evaluation/characters.py).

    entity: of the split's own sentences. predicted_E4: row, start, end and type of what was predicted in raw rows.
    """
    assert opened.texts is not None
    kept_N = ~np.isin(gold.sentence_id_N, opened.texts.recut)
    places = [np.column_stack([gold.source_N, gold.line_N])[kept_N]]
    counts = [entity.count_NL3[kept_N, 0]]
    if opened.texts.raw is not None:
        raw = opened.texts.raw
        places.append(read_raw_places(opened.shards, opened.index, split, raw.sentence_id_R))
        counts.append(_count_rows(raw.span_S4, predicted_E4, len(raw.sentence_id_R)))
    place_U2, record_of = np.unique(np.concatenate(places), axis=0, return_inverse=True)
    count_U3 = np.zeros((len(place_U2), 3), np.int64)
    np.add.at(count_U3, record_of.ravel(), np.concatenate(counts))
    return RecordCounts(place_U2, count_U3)


def _count_rows(gold_E4: np.ndarray, predicted_E4: np.ndarray, num_rows: int) -> np.ndarray:
    """Right, predicted and gold by raw row, (R, 3); as characters.compare_spans."""
    both_E4, times_E = np.unique(np.concatenate([gold_E4, predicted_E4]), axis=0, return_counts=True)
    sides = (both_E4[times_E == 2], predicted_E4, gold_E4)
    return np.stack([np.bincount(side_E4[:, 0], minlength=num_rows) for side_E4 in sides], 1)


def align(found: list[RecordCounts]) -> list[Tally]:
    """The counts of several models of one gold, by the records that any of them has."""
    place_V2 = np.unique(np.concatenate([counts.place_U2 for counts in found]), axis=0)
    tallies = []
    for counts in found:
        _, row_of = np.unique(np.concatenate([place_V2, counts.place_U2]), axis=0, return_inverse=True)
        count_V13 = np.zeros((len(place_V2), 1, 3), np.int64)
        count_V13[row_of.ravel()[len(place_V2) :], 0] = counts.count_U3
        tallies.append(Tally(["all"], count_V13))
    return tallies
