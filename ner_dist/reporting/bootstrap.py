"""Confidence intervals and paired tests: sentences are drawn anew, and all counts of a draw are one matrix product.

Intervals are percentiles of the bootstrap (Efron & Tibshirani 1993, ch. 13). Axes: S draws, N sentences, C counts,
L labels, 3 counts (right, predicted, gold).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ner_dist.evaluation.f1 import ratios
from ner_dist.reporting.tallies import Tally

# Of the middle that an interval holds.
LEVEL = 0.95
# Numbers of a portion of the draws.
_PORTION = 1 << 22


class Estimate(NamedTuple):
    """A score of the split as it is, and its interval."""

    value: float
    low: float
    high: float


class Row(NamedTuple):
    """A line of a table."""

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
    """Counts of each tally in each draw, (S, L, 3) int64 by name; all runs are looked at in the same draws."""
    count_NC = np.concatenate(
        [tally.count_NL3.reshape(len(tally.count_NL3), -1) for run in runs for tally in run.values()], 1
    ).astype(np.float64)
    sums = []
    with tqdm(desc="resampling", total=samples, unit="draw", leave=False, disable=None) as bar:
        for weight_SN in draws(len(count_NC), samples, seed):
            # Whole numbers far below 2^53: exact.
            sums.append((weight_SN @ count_NC).astype(np.int64))
            bar.update(len(weight_SN))
    sum_SC = np.concatenate(sums)
    parts = iter(np.split(sum_SC, np.cumsum([3 * len(t.labels) for run in runs for t in run.values()])[:-1], axis=1))
    return [{name: next(parts).reshape(samples, -1, 3) for name in run} for run in runs]


def ratios_of_draws(sum_S3: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 (S, 3) of right, predicted and gold (S, 3); 0 where there is nothing.

    Where gold is not counted, as with confidence, precision alone means anything.
    """
    right_S, predicted_S, gold_S = sum_S3.astype(np.float64).T
    # 2 P R / (P + R) is 2 right / (predicted + gold).
    parts = ((right_S, predicted_S), (right_S, gold_S), (2 * right_S, predicted_S + gold_S))
    return np.stack([part_S / np.maximum(whole_S, 1) for part_S, whole_S in parts], 1)


def interval(value_S: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(value_S, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def rows(tally: Tally, sum_SL3: np.ndarray) -> list[Row]:
    """The lines of a table, from the counts as they are and those of the draws."""
    table = []
    for label, counts, sum_S3 in zip(tally.labels, tally.count_NL3.sum(0).tolist(), sum_SL3.transpose(1, 0, 2)):
        right, predicted, gold = counts
        values = ratios(right, predicted, gold)
        ratio_S3 = ratios_of_draws(sum_S3)
        estimates = [
            Estimate(values[name], *interval(ratio_S3[:, i])) for i, name in enumerate(("precision", "recall", "f1"))
        ]
        table.append(Row(label, right, predicted, gold, *estimates))
    return table


class Paired(NamedTuple):
    """How much better A is than B, by entity F1."""

    difference: Estimate
    # How probable a difference of this size or more is if A is no better (Berg-Kirkpatrick, Burkett & Klein 2012).
    p: float
    # Share of the draws in which A is better (Koehn 2004).
    wins: float


def compare(a: Tally, b: Tally, sum_a_S13: np.ndarray, sum_b_S13: np.ndarray) -> Paired:
    """Paired bootstrap over sentences of two runs' "entity" tallies, drawn together.

    p is the share of draws whose difference is at least twice that of the split: draws scatter around the split's own
    difference, and are moved back by it to scatter around none.
    """
    found = [ratios(*tally.count_NL3.sum((0, 1)).tolist())["f1"] for tally in (a, b)]
    f1_a_S, f1_b_S = (ratios_of_draws(sums[:, 0])[:, 2] for sums in (sum_a_S13, sum_b_S13))
    difference_S = f1_a_S - f1_b_S
    difference = found[0] - found[1]
    return Paired(
        Estimate(difference, *interval(difference_S)),
        float(np.mean(difference_S >= 2 * difference)),
        float(np.mean(difference_S > 0)),
    )
