"""Scores as figures: errors by kind, calibration, the effect of a confidence threshold, F1 of several runs.

Axes: P predicted entities, C points of a curve.
"""

from __future__ import annotations

import numpy as np

from ner_dist.pages.figure import SERIES, SOFT, Chart, Picture, series_colour
from ner_dist.pages.plots import Series, stacked_bars
from ner_dist.reporting.bootstrap import ScoreRow
from ner_dist.reporting.error_kinds import ErrorKind
from ner_dist.reporting.judged_predictions import JudgedPredictions

_POINTS = 200


def errors_by_kind(kinds: list[ErrorKind], entity_types: list[str], prefix: str) -> Picture:
    """A bar for each kind, divided by entity type. prefix: of the figure's ids."""
    height = 0.8 + 0.3 * len(kinds)
    chart = Chart(f"{prefix}-kinds", "Entities by kind of error", "Errors by kind and entity type", height)
    series = [
        Series(name, series_colour(i), [kind.per_type[name] for kind in kinds])
        for i, name in enumerate(entity_types)
        if any(kind.per_type[name] for kind in kinds)
    ]
    stacked_bars(chart, [kind.name for kind in kinds], series, "{name}: {value} {label}")
    for place, kind in enumerate(kinds):
        total = sum(kind.per_type.values())
        chart.axes.annotate(f"{total}", (total, place), (3, 0), textcoords="offset points", va="center", color=SOFT)
    chart.axes.margins(x=0.14)
    return chart.picture()


def calibration(rows: list[ScoreRow], confidences: list[float], prefix: str) -> Picture:
    """The share of right entities against their confidence. confidences: the mean of each row."""
    chart = Chart(f"{prefix}-calibration", "Confidence and truth", "Share of right entities by confidence", 2.9)
    chart.axes.plot([0, 100], [0, 100], color=SOFT, linestyle=":", linewidth=1)
    for row, confidence in zip(rows, confidences):
        x, y = 100 * confidence, 100 * row.precision.value
        chart.axes.plot([x, x], [100 * row.precision.low, 100 * row.precision.high], color=SERIES[0], linewidth=1)
        tip = f"confidence {row.label}, mean {x:.1f} %: {y:.1f} % of {row.predicted:,} entities are right"
        chart.dot(x, y, SERIES[0], tip, size=5)
    low = min([100 * confidences[0], *(100 * row.precision.low for row in rows)])
    floor = max(0, 10 * np.floor(low / 10 - 0.3))
    chart.axes.set(xlim=(floor, 101), ylim=(floor, 101), xlabel="mean confidence, %", ylabel="right, %")
    return chart.picture()


def thresholds(judged: JudgedPredictions, num_gold: int, prefix: str) -> Picture:
    """Precision, recall and F1 of the entities whose confidence reaches a threshold."""
    order_P = np.argsort(-judged.confidence_P, kind="stable")
    right_P = np.cumsum(judged.right_P[order_P])
    threshold_C = np.linspace(0, 1, _POINTS, endpoint=False)
    kept_C = np.searchsorted(-judged.confidence_P[order_P], -threshold_C, side="right")
    right_C = np.where(kept_C > 0, right_P[np.maximum(kept_C, 1) - 1], 0)
    title = "Scores if entities of low confidence are dropped"
    chart = Chart(f"{prefix}-threshold", title, "Scores by lowest confidence kept", 2.9)
    lines = {
        "precision": (right_C[kept_C > 0] / kept_C[kept_C > 0], SERIES[4]),
        "recall": (right_C / num_gold, SERIES[2]),
        "F1": (2 * right_C / (kept_C + num_gold), SERIES[0]),
    }
    for name, (value_C, colour) in lines.items():
        chart.axes.plot(100 * threshold_C[: len(value_C)], 100 * value_C, color=colour, label=name)
    chart.axes.set(xlabel="lowest confidence kept, %", ylabel="%", xlim=(0, 100))
    chart.legend()
    return chart.picture()


def f1_intervals(rows: list[ScoreRow], prefix: str) -> Picture:
    """F1 of each row with its interval."""
    title = "Entity F1 and its interval, %"
    chart = Chart(f"{prefix}-f1", title, title, 0.8 + 0.26 * len(rows))
    for place, row in enumerate(rows):
        low, value, high = (100 * number for number in (row.f1.low, row.f1.value, row.f1.high))
        colour = series_colour(place)
        chart.axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
        chart.dot(value, place, colour, f"{row.label}: F1 {value:.2f} % ({low:.2f} to {high:.2f})", size=6)
    chart.name_rows([row.label for row in rows])
    return chart.picture()
