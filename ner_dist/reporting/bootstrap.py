"""Confidence intervals and paired tests by bootstrap: sentences are resampled; one matrix product counts all draws.

Intervals of scores are the wider of the bootstrap's percentiles (Efron & Tibshirani 1993, ch. 13), which know that
errors of a sentence come together, and of those from counts alone (evaluation/intervals.py), which hold for few errors:
no draw of 76 right entities has a wrong one. `python -m bench.interval_coverage` says how often each holds the truth.
Axes: S draws, N sentences, C counts, L labels, 3 counts (right, predicted, gold).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ner_dist.evaluation.f1 import ratios
from ner_dist.evaluation.intervals import f1_interval, wilson
from ner_dist.reporting.tallies import Tally

# Share of the draws within an interval; that of evaluation/intervals.py.
LEVEL = 0.95
_NAMES = ("precision", "recall", "f1")
# Numbers drawn at a time.
_PORTION = 1 << 22


class Estimate(NamedTuple):
    """A score of the split itself, and its interval."""

    value: float
    low: float
    high: float


class ScoreRow(NamedTuple):
    label: str
    right: int
    predicted: int
    gold: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def draws(num_sentences: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each sentence is in each draw of num_sentences with replacement: (S, N) in portions of S."""
    rng = np.random.default_rng(seed)
    chances_N = np.full(num_sentences, 1 / num_sentences)
    portion = max(1, _PORTION // num_sentences)
    for first in range(0, samples, portion):
        yield rng.multinomial(num_sentences, chances_N, size=min(portion, samples - first))


def resample(runs: list[dict[str, Tally]], samples: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Counts of each tally in each draw, (S, L, 3) int64 by name; all runs share the same draws."""
    count_NC = np.concatenate(
        [tally.count_NL3.reshape(len(tally.count_NL3), -1) for run in runs for tally in run.values()], 1
    ).astype(np.float64)
    sums = []
    with tqdm(desc="resampling", total=samples, unit="draw", leave=False, disable=None) as bar:
        for weight_SN in draws(len(count_NC), samples, seed):
            # Exact, because the sums are whole numbers far below 2^53.
            sums.append((weight_SN @ count_NC).astype(np.int64))
            bar.update(len(weight_SN))
    sum_SC = np.concatenate(sums)
    parts = iter(np.split(sum_SC, np.cumsum([3 * len(t.labels) for run in runs for t in run.values()])[:-1], axis=1))
    return [{name: next(parts).reshape(samples, -1, 3) for name in run} for run in runs]


def ratios_of_draws(sum_S3: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 (S, 3) from right, predicted and gold (S, 3); 0 where there is nothing.

    If gold is not counted, as by confidence, only precision means anything.
    """
    right_S, predicted_S, gold_S = sum_S3.astype(np.float64).T
    # 2 P R / (P + R) is 2 right / (predicted + gold).
    parts = ((right_S, predicted_S), (right_S, gold_S), (2 * right_S, predicted_S + gold_S))
    return np.stack([part_S / np.maximum(whole_S, 1) for part_S, whole_S in parts], 1)


def interval(value_S: np.ndarray) -> tuple[float, float]:
    """1 to 0, which holds nothing, if there are no values."""
    if not len(value_S):
        return 1.0, 0.0
    low, high = np.quantile(value_S, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def score_rows(tally: Tally, sum_SL3: np.ndarray) -> list[ScoreRow]:
    """A row for each label, from the counts of the split and of the draws."""
    rows = []
    for label, counts, sum_S3 in zip(tally.labels, tally.count_NL3.sum(0).tolist(), sum_SL3.transpose(1, 0, 2)):
        values, ratio_S3 = ratios(*counts), ratios_of_draws(sum_S3)
        # Draws without any entity of the label say nothing about it.
        whole_S3 = np.stack([sum_S3[:, 1], sum_S3[:, 2], sum_S3[:, 1:].sum(1)], 1)
        estimates = [
            Estimate(values[name], *wider(interval(ratio_S[whole_S > 0]), by_counts))
            for name, ratio_S, whole_S, by_counts in zip(_NAMES, ratio_S3.T, whole_S3.T, _by_counts(*counts))
        ]
        rows.append(ScoreRow(label, *counts, *estimates))
    return rows


def wider(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """The interval that holds both."""
    return min(a[0], b[0]), max(a[1], b[1])


def _by_counts(right: int, predicted: int, gold: int) -> list[tuple[float, float]]:
    """Of precision, recall and F1. If gold is not counted, as by confidence, only that of precision means anything."""
    if gold < right:
        return [wilson(right, predicted), (0.0, 1.0), (0.0, 1.0)]
    return [wilson(right, predicted), wilson(right, gold), f1_interval(right, predicted, gold)]


class PairedTest(NamedTuple):
    """How much better A is than B, by entity F1."""

    difference: Estimate
    # Probability of a difference of at least this size if A is no better (Berg-Kirkpatrick, Burkett & Klein 2012).
    p: float
    # Share of the draws in which A is better (Koehn 2004).
    wins: float


def paired_test(a: Tally, b: Tally, sum_a_S13: np.ndarray, sum_b_S13: np.ndarray) -> PairedTest:
    """Paired bootstrap over sentences, from the "entity" tallies of two runs with the same draws.

    p is the share of draws whose difference is at least twice that of the split: the draws scatter around the split's
    own difference, and subtracting it once centres them on zero.
    """
    found = [ratios(*tally.count_NL3.sum((0, 1)).tolist())["f1"] for tally in (a, b)]
    f1_a_S, f1_b_S = (ratios_of_draws(sums[:, 0])[:, 2] for sums in (sum_a_S13, sum_b_S13))
    difference_S = f1_a_S - f1_b_S
    difference = found[0] - found[1]
    return PairedTest(
        Estimate(difference, *interval(difference_S)),
        float(np.mean(difference_S >= 2 * difference)),
        float(np.mean(difference_S > 0)),
    )
