"""Gold and predicted tags -> int64 counts that add up over batches and ranks -> precision, recall, F1. No I/O.

An entity is right if its span and its type are right: the CoNLL-2003 rule, and seqeval's strict mode.

Axes: M tokens of all sentences, K entity types.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.tag_schemes import B, Spans, U, span_tokens, split_ids, strict_spans


class Counts(NamedTuple):
    """Sums over sentences, all int64."""

    # (K + 1, K + 1): entities of exactly the same span by gold and predicted type; row or column K: no such span there.
    spans: np.ndarray
    # (K,): predicted entities that share a token with a gold one of their type, and vice versa.
    touching_predicted: np.ndarray
    touching_gold: np.ndarray
    # (4,): tokens in entities with the right BILOU tag, with the right BIO tag, predicted, gold.
    tokens: np.ndarray

    @classmethod
    def zero(cls, num_types: int) -> Counts:
        shapes = ((num_types + 1, num_types + 1), num_types, num_types, 4)
        return cls(*(np.zeros(shape, np.int64) for shape in shapes))

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        return Counts(*(mine + yours for mine, yours in zip(self, other)))

    def to_vector(self) -> np.ndarray:
        """All counts in one int64 vector, for one sum over ranks."""
        return np.concatenate([array.ravel() for array in self])

    @classmethod
    def from_vector(cls, vector: np.ndarray, num_types: int) -> Counts:
        zero = cls.zero(num_types)
        parts = np.split(vector, np.cumsum([array.size for array in zero])[:-1])
        return cls(*(part.reshape(array.shape) for part, array in zip(parts, zero)))


def count(gold_M: np.ndarray, predicted_M: np.ndarray, starts_M: np.ndarray, num_types: int) -> Counts:
    """Compare BILOU ids of concatenated sentences; starts_M (bool) marks each sentence's first token."""
    (gold_prefix_M, gold_type_M), (predicted_prefix_M, predicted_type_M) = split_ids(gold_M), split_ids(predicted_M)
    gold = strict_spans(gold_prefix_M, gold_type_M, starts_M)
    predicted = strict_spans(predicted_prefix_M, predicted_type_M, starts_M)
    touching_predicted, touching_gold = _touching(predicted, gold, len(gold_M), num_types)
    # In BIO, B and U are one tag, and so are I and L.
    inside = np.flatnonzero(gold_M)
    right_M = gold_M[inside] == predicted_M[inside]
    right_bio_M = gold_type_M[inside] == predicted_type_M[inside]
    right_bio_M &= _begins(gold_prefix_M[inside]) == _begins(predicted_prefix_M[inside])
    return Counts(
        spans=_confusion(gold, predicted, len(gold_M), num_types),
        touching_predicted=touching_predicted,
        touching_gold=touching_gold,
        tokens=np.array([right_M.sum(), right_bio_M.sum(), np.count_nonzero(predicted_M), len(inside)], np.int64),
    )


def _begins(prefix_M: np.ndarray) -> np.ndarray:
    return (prefix_M == B) | (prefix_M == U)


def _confusion(gold: Spans, predicted: Spans, num_tokens: int, num_types: int) -> np.ndarray:
    # Entities of one sequence never overlap, so a span is known by its start and end.
    end_M, type_M = np.zeros(num_tokens, np.int64), np.zeros(num_tokens, np.int64)
    end_M[gold.start_E], type_M[gold.start_E] = gold.end_E, gold.type_E
    same_E = end_M[predicted.start_E] == predicted.end_E
    cell_E = type_M[predicted.start_E[same_E]] * (num_types + 1) + predicted.type_E[same_E]
    spans = np.bincount(cell_E, minlength=(num_types + 1) ** 2).reshape(num_types + 1, num_types + 1)
    spans[:num_types, num_types] = np.bincount(gold.type_E, minlength=num_types) - spans.sum(1)[:num_types]
    spans[num_types, :num_types] = np.bincount(predicted.type_E[~same_E], minlength=num_types)
    return spans


def _touching(spans: Spans, others: Spans, num_tokens: int, num_types: int) -> tuple[np.ndarray, np.ndarray]:
    """By type, how many spans share a token with one of their type among the others, and vice versa."""
    other_M = np.full(num_tokens, -1)
    token_C, other_C = span_tokens(others)
    other_M[token_C] = other_C
    token_C, span_C = span_tokens(spans)
    other_C = other_M[token_C]
    shared_C = np.flatnonzero(other_C >= 0)
    span_C, other_C = span_C[shared_C], other_C[shared_C]
    of_one_type_C = spans.type_E[span_C] == others.type_E[other_C]
    return (
        _of_each_type(spans, span_C[of_one_type_C], num_types),
        _of_each_type(others, other_C[of_one_type_C], num_types),
    )


def _of_each_type(spans: Spans, named: np.ndarray, num_types: int) -> np.ndarray:
    """How many spans of each type are named at least once."""
    named_E = np.zeros(len(spans.type_E), bool)
    named_E[named] = True
    return np.bincount(spans.type_E[named_E], minlength=num_types)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _harmonic(precision: float, recall: float) -> dict[str, float]:
    both = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / both if both else 0.0}


def ratios(right: int, predicted: int, gold: int) -> dict[str, float]:
    """Precision, recall and F1 as fractions; 0 where nothing was predicted or there is no gold entity."""
    return _harmonic(_share(right, predicted), _share(right, gold))


def with_counts(right: int, predicted: int, gold: int) -> dict[str, float]:
    """The ratios with the counts behind them."""
    return {**ratios(right, predicted, gold), "right": right, "predicted": predicted, "gold": gold}


def scores(counts: Counts, entity_types: list[str]) -> dict[str, Any]:
    """The scores of a split, as result.json has them.

    entity: micro scores over all types, with per_type, macro (mean over the types that occur in gold or
    prediction), the counts behind them, boundaries (span right, any type), overlap (type right, spans share a token)
    and confusion (gold type -> predicted type of entities whose span is exactly right; "-" is none).
    token: precision over the tokens in predicted entities, recall over those in gold entities, a token being right if
    its BILOU tag is; and bio, the same with BIO tags, which do not mark where an entity ends.
    """
    spans = counts.spans
    right_K = np.diag(spans)[:-1]
    predicted_K, gold_K = spans.sum(axis=0)[:-1], spans.sum(axis=1)[:-1]
    counted = zip(entity_types, right_K.tolist(), predicted_K.tolist(), gold_K.tolist())
    per_type = {name: with_counts(*counts_of_type) for name, *counts_of_type in counted}
    totals = int(right_K.sum()), int(predicted_K.sum()), int(gold_K.sum())
    occurring = [entry for entry in per_type.values() if entry["predicted"] or entry["gold"]]
    macro = {
        name: float(np.mean([entry[name] for entry in occurring])) if occurring else 0.0
        for name in ("precision", "recall", "f1")
    }
    overlap = _harmonic(
        _share(int(counts.touching_predicted.sum()), totals[1]), _share(int(counts.touching_gold.sum()), totals[2])
    )
    right_tokens, right_bio_tokens, predicted_tokens, gold_tokens = counts.tokens.tolist()
    names = [*entity_types, "-"]
    return {
        "entity": {
            **with_counts(*totals),
            "per_type": per_type,
            "macro": macro,
            "boundaries": ratios(int(spans[:-1, :-1].sum()), totals[1], totals[2]),
            "overlap": overlap,
            "confusion": {
                name: {other: int(spans[i, j]) for j, other in enumerate(names) if spans[i, j]}
                for i, name in enumerate(names)
            },
        },
        "token": {
            **with_counts(right_tokens, predicted_tokens, gold_tokens),
            "bio": ratios(right_bio_tokens, predicted_tokens, gold_tokens),
        },
    }
