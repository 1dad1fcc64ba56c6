"""Thresholds that reach a precision or the best F1: against trying every threshold."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from ner_dist.evaluation.judged_entities import JudgedEntities
from ner_dist.evaluation.thresholds import Choice, Score, Target, choose, of_type, parse_target, threshold_report

TYPES = ["LOC", "PER"]


def judged(seed: int, num_entities: int = 60) -> JudgedEntities:
    rng = np.random.default_rng(seed)
    # Many of them equal.
    confidence_P = rng.choice(rng.uniform(0.3, 1, 25), num_entities)
    right_P = rng.uniform(size=num_entities) < confidence_P
    return JudgedEntities(confidence_P, rng.integers(0, 2, num_entities), right_P, np.array([40, 30]))


def score_at(found: JudgedEntities, threshold: float) -> Score:
    kept_P = found.confidence_P >= threshold
    return Score(int(found.right_P[kept_P].sum()), int(kept_P.sum()), int(found.gold_K.sum()))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("text", ["f1", "precision=0.7", "precision=0.9"])
def test_the_threshold_is_the_lowest_that_reaches_the_target(seed: int, text: str) -> None:
    found, target = judged(seed), parse_target(text)
    choice = choose(found, target)
    every = [score_at(found, threshold) for threshold in sorted({0.0, *found.confidence_P.tolist()})]
    every = [score for score in every if score.predicted]
    best = max(score.f1 for score in every)
    reached = [s for s in every if (s.f1 == best if target.precision is None else s.precision >= target.precision)]
    assert choice.before == score_at(found, 0)
    assert choice.best_precision == max(score.precision for score in every)
    if not reached:
        assert (choice.threshold, choice.after) == (None, None)
        return
    assert choice.threshold is not None
    # Of the lowest threshold, which keeps the most.
    assert choice.after == reached[0]
    # What predict leaves when the number is copied.
    assert score_at(found, float(str(choice.threshold))) == choice.after


def test_a_threshold_has_no_more_decimal_places_than_it_needs() -> None:
    found = JudgedEntities(np.array([0.912, 0.4567]), np.zeros(2, int), np.array([True, False]), np.array([1]))
    assert choose(found, Target(1.0)).threshold == 0.9
    close = found._replace(confidence_P=np.array([0.99999712, 0.99999711]))
    assert choose(close, Target(1.0)).threshold == 0.99999712


def test_nothing_is_left_out_if_all_reaches_the_target() -> None:
    found = JudgedEntities(np.array([0.9, 0.4]), np.zeros(2, int), np.array([True, True]), np.array([3]))
    assert choose(found, Target(0.9)) == Choice(Score(2, 2, 3), 0.0, Score(2, 2, 3), 1.0)


def test_the_options_of_the_report_reach_what_it_says() -> None:
    found, target = judged(3, 400), parse_target("precision=0.8")
    report = threshold_report(found, TYPES, target)
    whole, parts = choose(found, target), [choose(of_type(found, type_id), target) for type_id in range(2)]
    assert f"one threshold: --threshold {whole.threshold}\n" in report
    assert report.endswith(f"by type: --threshold LOC={parts[0].threshold},PER={parts[1].threshold}")
    assert f"{100 * whole.before.precision:.2f} -> {100 * whole.after.precision:.2f}" in report  # type: ignore[union-attr]


def test_what_is_unreachable_is_said_and_has_no_option() -> None:
    confidence_P, type_P = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 1, 1])
    found = JudgedEntities(confidence_P, type_P, np.array([True, False, True, True]), np.array([1, 2]))
    report = threshold_report(found, TYPES, parse_target("precision=0.9"))
    assert "PER: precision 0.9 is unreachable; the highest precision with any threshold is 0.6667" in report
    assert report.endswith("one threshold: --threshold 0.9\nby type: --threshold LOC=0")


def test_types_without_entities_or_without_right_ones_have_no_threshold() -> None:
    found = JudgedEntities(np.array([0.9]), np.array([0]), np.array([False]), np.array([1, 1]))
    report = threshold_report(found, TYPES, parse_target("f1"))
    assert "LOC: none of the 1 predicted ones is right, so there is no threshold" in report
    assert "PER: none are predicted, so there is no threshold" in report
    assert "--threshold" not in report


@pytest.mark.parametrize("text", ["precision", "precision=", "precision=95", "precision=0", "recall=0.9", "F1", "f1=1"])
def test_other_targets_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected precision=X with X above 0 and up to 1, or f1"):
        parse_target(text)
