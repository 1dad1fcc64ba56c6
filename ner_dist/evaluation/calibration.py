"""Whether confidences are what they say: the expected calibration error, and the temperature that makes it small.

Guo et al. 2017, On Calibration of Modern Neural Networks: all scores are divided by one number, fitted to data that
training has not seen. Axes: P predicted entities, C groups of confidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ner_dist.contract.calibration import LEAST_TEMPERATURE, MOST_TEMPERATURE, Calibration
from ner_dist.evaluation.judged_entities import judge_all, judge_batch
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm

# Lower bounds of the groups; most entities of a trained model are among the highest.
CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Instead of 0, whose logarithm is infinite.
_TINY = 1e-9
# Of the search: a step is 0.618 times the one before.
_NUM_STEPS = 24


def confidence_group(confidence_P: np.ndarray) -> np.ndarray:
    """Which of CONFIDENCES each confidence belongs to."""
    return np.searchsorted(CONFIDENCES, confidence_P, side="right") - 1


def calibration_error(confidence_P: np.ndarray, right_P: np.ndarray) -> float:
    """The mean of |share right - mean confidence| of an entity's group; 0 without entities."""
    group_P = confidence_group(confidence_P)
    off_C = np.bincount(group_P, right_P - confidence_P, len(CONFIDENCES))
    return float(np.abs(off_C).sum() / max(1, len(confidence_P)))


def calibrate(batches: Sequence[DecodedBatch], num_types: int, split: str, comm: Comm) -> Calibration | None:
    """The temperature under which predicted entities are as often right as their confidences say; None without batches.

    It has the greatest likelihood of which of them are right. That of whole tag sequences leaves a larger error on held
    out data, and counting the gold entities that are missed would make any model too unsure. batches: of this rank,
    with the gold tags of the split. Every rank must call it, and gets the same.
    """
    if not sum(comm.gather_objects(len(batches))):
        return None

    def loss(log_temperature: float) -> float:
        at = [decoded._replace(temperature=math.exp(log_temperature)) for decoded in batches]
        # Added in the order of the ranks, so that all of them get the same.
        return sum(comm.gather_objects(sum(map(_entity_loss, at))))

    # A temperature of which more digits than are shown mattered would be chance.
    temperature = round(math.exp(_least(loss, math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE))), 4)
    before, after = (
        judge_all([decoded._replace(temperature=each) for decoded in batches], num_types, comm)
        for each in (1.0, temperature)
    )
    error_before, error_after = (calibration_error(judged.confidence_P, judged.right_P) for judged in (before, after))
    return Calibration(temperature, split, error_before, error_after, len(before.confidence_P))


def _entity_loss(decoded: DecodedBatch) -> float:
    """The negative log likelihood of which predicted entities are right, given their confidences."""
    # The number of types does not matter here.
    judged = judge_batch(decoded, 1)
    probability_P = np.where(judged.right_P, judged.confidence_P, 1 - judged.confidence_P)
    return float(-np.log(np.clip(probability_P, _TINY, 1)).sum())


def _least(value: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with a single minimum is least, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(_NUM_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = value(right)
    return (low + high) / 2
