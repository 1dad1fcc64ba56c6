"""The predicted entities of a split with their confidence, and whether they are right.

Axes: T tokens, B sentences, P predicted entities, K entity types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ner_dist.contract import tag_schemes
from ner_dist.model.entities import DecodedBatch, concatenate_sentences, predicted_entities
from ner_dist.ranks.comm import Comm


class JudgedEntities(NamedTuple):
    confidence_P: np.ndarray
    # Type id, and whether the gold has an entity of this span and type (bool).
    type_P: np.ndarray
    right_P: np.ndarray
    # Entities of the gold by type, int64.
    gold_K: np.ndarray


def judge_batch(decoded: DecodedBatch, num_types: int) -> JudgedEntities:
    found, length_B = predicted_entities(decoded), decoded.batch.length_B
    tag_M, starts_M = concatenate_sentences(decoded.batch.tag_TB.astype(np.int64), length_B)
    gold = tag_schemes.strict_spans(*tag_schemes.split_ids(tag_M), starts_M)
    # By first token, at which no two entities of one tag sequence begin.
    end_M, type_M = np.zeros((2, len(tag_M)), np.int64)
    end_M[gold.start_E], type_M[gold.start_E] = gold.end_E, gold.type_E
    offset_S = (np.cumsum(length_B) - length_B)[found.sentence_S]
    first_S, end_S = found.first_S + offset_S, found.end_S + offset_S
    right_S = (end_M[first_S] == end_S) & (type_M[first_S] == found.type_S)
    gold_K = np.bincount(gold.type_E, minlength=num_types)
    return JudgedEntities(found.confidence_S, found.type_S, right_S, gold_K)


def judge_all(batches: Iterable[DecodedBatch], num_types: int, comm: Comm) -> JudgedEntities:
    """Those of all ranks, in any order but the same on every rank; every rank must call it with its own batches."""
    empty = JudgedEntities(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(num_types, np.int64))
    mine = _together([empty, *(judge_batch(decoded, num_types) for decoded in batches)])
    return _together(comm.gather_objects(mine))


def _together(parts: list[JudgedEntities]) -> JudgedEntities:
    confidences, types, rights, golds = zip(*parts)
    confidence_P, type_P, right_P = (np.concatenate(of_parts) for of_parts in (confidences, types, rights))
    return JudgedEntities(confidence_P, type_P, right_P, np.sum(golds, axis=0))
