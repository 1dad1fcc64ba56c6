"""Scores and data as figures: errors by kind, calibration, the effect of a threshold, lengths of sentences.

Axes: P predicted entities, N sentences, C points of a curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from ner_dist.reporting.answers import Answers
from ner_dist.reporting.bootstrap import Row
from ner_dist.reporting.breakdown import ErrorKind
from ner_dist.reporting.svg import SERIES, SOFT, Chart, series

_POINTS = 200
# Where a legend hides no bar.
_BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0}


def errors_by_kind(kinds: list[ErrorKind], entity_types: list[str], prefix: str) -> Markup | None:
    """A bar a kind, in parts by type."""
    if not kinds:
        return None
    height = 0.8 + 0.3 * len(kinds)
    chart = Chart(f"{prefix}-kinds", "Errors by kind and entity type", "Entities by kind of error", height)
    for place, kind in enumerate(kinds):
        left = 0
        for i, name in enumerate(entity_types):
            number = kind.per_type[name]
            if number:
                (bar,) = chart.axes.barh([place], [number], 0.66, left, color=series(i))
                bar.set_gid(chart.tip(f"{kind.name}: {number} {name}"))
            left += number
        beside = (3, 0)
        chart.axes.annotate(f"{left}", (left, place), beside, textcoords="offset points", va="center", color=SOFT)
    chart.axes.set_yticks(range(len(kinds)), [kind.name for kind in kinds])
    chart.axes.invert_yaxis()
    chart.axes.grid(axis="y", visible=False)
    chart.axes.margins(x=0.14)
    occurring = [i for i, name in enumerate(entity_types) if any(kind.per_type[name] for kind in kinds)]
    for i in occurring:
        chart.axes.barh([0], [0], color=series(i), label=entity_types[i])
    chart.axes.legend(**_BESIDE)
    return chart.svg()


def calibration(rows: list[Row], confidences: list[float], prefix: str) -> Markup | None:
    """How many of the entities of a confidence are right; rows and their mean confidences."""
    if not rows:
        return None
    chart = Chart(f"{prefix}-calibration", "Share of right entities by confidence", "Confidence and truth", 2.9)
    chart.axes.plot([0, 100], [0, 100], color=SOFT, linestyle=":", linewidth=1)
    for row, confidence in zip(rows, confidences):
        x, y = 100 * confidence, 100 * row.precision.value
        chart.axes.plot([x, x], [100 * row.precision.low, 100 * row.precision.high], color=SERIES[0], linewidth=1)
        tip = f"confidence {row.label}, mean {x:.1f} %: {y:.1f} % of {row.predicted:,} entities are right"
        chart.dot(x, y, SERIES[0], tip, size=5)
    low = min([100 * confidences[0], *(100 * row.precision.low for row in rows)])
    floor = max(0, 10 * np.floor(low / 10 - 0.3))
    chart.axes.set(xlim=(floor, 101), ylim=(floor, 101), xlabel="mean confidence, %", ylabel="right, %")
    return chart.svg()


def thresholds(answers: Answers, num_gold: int, prefix: str) -> Markup | None:
    """Precision, recall and F1 of the entities whose confidence reaches a threshold."""
    if not len(answers.confidence_P) or not num_gold:
        return None
    order_P = np.argsort(-answers.confidence_P, kind="stable")
    right_P = np.cumsum(answers.right_P[order_P])
    threshold_C = np.linspace(0, 1, _POINTS, endpoint=False)
    kept_C = np.searchsorted(-answers.confidence_P[order_P], -threshold_C, side="right")
    right_C = np.where(kept_C > 0, right_P[np.maximum(kept_C, 1) - 1], 0)
    chart = Chart(f"{prefix}-threshold", "Scores by least confidence", "Keeping only what the model is sure of", 2.9)
    lines = {
        "precision": (right_C[kept_C > 0] / kept_C[kept_C > 0], SERIES[4]),
        "recall": (right_C / num_gold, SERIES[2]),
        "F1": (2 * right_C / (kept_C + num_gold), SERIES[0]),
    }
    for name, (value_C, colour) in lines.items():
        chart.axes.plot(100 * threshold_C[: len(value_C)], 100 * value_C, color=colour, label=name)
    chart.axes.set(xlabel="least confidence, %", ylabel="%", xlim=(0, 100))
    chart.axes.legend(loc="lower left")
    return chart.svg()


def sentence_lengths(length_N: dict[str, np.ndarray]) -> Markup:
    """Share of the sentences of each length, by split; the longest one in a hundred is beyond the figure."""
    chart = Chart("lengths", "Sentence lengths of each split", "Sentences by length")
    longest = max(int(np.quantile(lengths, 0.99)) for lengths in length_N.values())
    width = max(1, round(longest / 25))
    edges = np.arange(1, longest + width + 1, width)
    for i, (split, lengths) in enumerate(length_N.items()):
        share = 100 * np.histogram(lengths, edges)[0] / len(lengths)
        chart.axes.stairs(share, edges - 0.5, color=series(i), label=split, linewidth=1.4)
    chart.axes.set(xlabel="tokens", ylabel="% of the split")
    chart.axes.legend(loc="upper right")
    return chart.svg()


def tag_shares(type_share: dict[str, list[float]], entity_types: list[str]) -> Markup:
    """Share of each type among the entities, by split, side by side."""
    height = 0.9 + 0.3 * len(entity_types)
    chart = Chart("types", "Share of each entity type by split", "Entities by type, % of the split's", height)
    width = 0.8 / len(type_share)
    for i, (split, shares) in enumerate(type_share.items()):
        for place, share in enumerate(shares):
            (bar,) = chart.axes.barh([place + (i - (len(type_share) - 1) / 2) * width], [share], width, color=series(i))
            bar.set_gid(chart.tip(f"{split}: {share:.1f} % {entity_types[place]}"))
        chart.axes.barh([0], [0], color=series(i), label=split)
    chart.axes.set_yticks(range(len(entity_types)), entity_types)
    chart.axes.invert_yaxis()
    chart.axes.grid(axis="y", visible=False)
    chart.axes.legend(**_BESIDE)
    return chart.svg()


def forest(rows: list[Row], name: str, title: str) -> Markup:
    """F1 of each row with its interval."""
    chart = Chart(name, title, title, 0.8 + 0.26 * len(rows))
    for place, row in enumerate(rows):
        low, value, high = (100 * number for number in (row.f1.low, row.f1.value, row.f1.high))
        chart.axes.plot([low, high], [place, place], color=series(place), linewidth=1.6)
        chart.dot(value, place, series(place), f"{row.label}: F1 {value:.2f} % ({low:.2f} to {high:.2f})", size=6)
    chart.axes.set_yticks(range(len(rows)), [row.label for row in rows])
    chart.axes.set_ylim(len(rows) - 0.5, -0.5)
    chart.axes.grid(axis="y", visible=False)
    return chart.svg()
