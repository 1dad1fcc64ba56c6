"""curve.json, a learning curve, read and drawn: F1 by size of train, and what more data would bring.

docs/reference/result-format.md describes the file.
"""

from __future__ import annotations

import dataclasses
import statistics
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import read_json
from ner_dist.pages.figure import SERIES, SOFT, Chart, Picture

HEADER = ("part of train", "sentences", "tokens", "entities", "dev F1", "test F1")


@dataclasses.dataclass(frozen=True)
class Point:
    fraction: float
    sentences: int
    tokens: int
    entities: int
    seed: int
    run: str
    dev_f1: float
    test_f1: Optional[float]


@dataclasses.dataclass(frozen=True)
class Twice:
    """What twice the largest part would bring; low and high are None with one seed."""

    sentences: int
    gain: float
    low: Optional[float]
    high: Optional[float]


@dataclasses.dataclass(frozen=True)
class Fit:
    """F1 = a - b n^-c of n sentences."""

    a: float
    b: float
    c: float
    twice: Twice


@dataclasses.dataclass(frozen=True)
class LearningCurve:
    job: str
    # "test", or "dev" if test was not scored.
    split: str
    fractions: list[float]
    points: list[Point]
    # None with fewer than three fractions.
    fit: Optional[Fit]
    # Where the figures come from.
    command: Any = None
    date: Any = None
    commit: Any = None
    hardware: Any = None

    def f1(self, point: Point) -> float:
        found = point.dev_f1 if self.split == "dev" else point.test_f1
        assert found is not None
        return found


def read_curve(path: Path) -> LearningCurve:
    """Raises UserError if the file is no learning curve."""
    try:
        curve = read_json(path, LearningCurve)
    except ForeignFileError as error:
        raise UserError(f"{error}; expected a curve.json of python -m bench.learning_curve") from error
    fractions = sorted({point.fraction for point in curve.points})
    is_scored = curve.split == "dev" or all(point.test_f1 is not None for point in curve.points)
    if curve.split not in ("dev", "test") or not is_scored or not fractions or fractions != curve.fractions:
        raise UserError(
            f"{path}: its fractions have no points or its points no F1 on {curve.split}; expected a curve.json of "
            "python -m bench.learning_curve"
        )
    return curve


def rows(curve: LearningCurve) -> list[list[str]]:
    """By HEADER a row for each part: its size, and mean and standard deviation over its seeds."""
    found = []
    for fraction in curve.fractions:
        points = [point for point in curve.points if point.fraction == fraction]
        sizes = [f"{size:,}" for size in (points[0].sentences, points[0].tokens, points[0].entities)]
        scores = [_spread([point.dev_f1 for point in points]), _spread([point.test_f1 for point in points])]
        found.append([f"{100 * fraction:g} %", *sizes, *scores])
    return found


def _spread(scores: list[float | None]) -> str:
    known = [100 * score for score in scores if score is not None]
    if not known:
        return "-"
    return f"{statistics.mean(known):.2f}" + (f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else "")


def sentence(curve: LearningCurve) -> str:
    """What twice as much data would bring, as far as the curve can tell."""
    if curve.fit is None:
        return "Fewer than three parts say nothing about more data; name more with --fractions."
    twice = curve.fit.twice
    gain = f"Twice as much data ({twice.sentences:,} sentences): about {100 * twice.gain:+.1f} points of "
    gain += f"{curve.split} F1"
    if twice.low is None or twice.high is None:
        return f"{gain}; how far that is chance, more seeds would tell (--seeds 3)."
    doubt = "; that may be chance" if twice.low <= 0 else ""
    return (
        f"{gain} ({100 * twice.low:+.1f} to {100 * twice.high:+.1f}){doubt}. The interval is of 95 %, if F1 goes on "
        "as a power law of the size, and covers the chance of the seeds, not that of another choice of documents."
    )


def picture(curve: LearningCurve, name: str = "curve") -> Picture:
    """The scores of all runs over the size of their part, and the law through them up to twice the largest.

    name: of the figure's ids. Draw within figure.drawing_style.
    """
    split, fit = curve.split, curve.fit
    chart = Chart(name, f"{split.capitalize()} entity F1, %", f"{split} F1 by number of training sentences")
    sizes = sorted({point.sentences for point in curve.points})
    if fit is not None:
        n_P = np.geomspace(sizes[0], fit.twice.sentences, 100)
        law_P = 100 * (fit.a - fit.b * n_P**-fit.c)
        known_P = n_P <= sizes[-1]
        chart.axes.plot(n_P[known_P], law_P[known_P], color=SERIES[0], linewidth=1.2)
        chart.axes.plot(n_P[~known_P], law_P[~known_P], color=SERIES[0], linewidth=1.2, linestyle="dashed")
        _forecast(chart, fit.twice, float(law_P[-1]))
    for point in curve.points:
        f1 = 100 * curve.f1(point)
        tip = f"{point.sentences:,} sentences, seed {point.seed}: {split} F1 {f1:.2f} %"
        chart.dot(point.sentences, f1, SERIES[0], tip)
    chart.axes.set_xlabel("sentences of train")
    chart.axes.set_xlim(left=0)
    chart.axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    return chart.picture()


def _forecast(chart: Chart, twice: Twice, f1: float) -> None:
    n, text = twice.sentences, f"{twice.sentences:,} sentences, expected"
    if twice.low is not None and twice.high is not None:
        low, high = (f1 + 100 * (end - twice.gain) for end in (twice.low, twice.high))
        chart.axes.plot([n, n], [low, high], color=SOFT, linewidth=1.2)
        text += f": {low:.2f} to {high:.2f} %"
    chart.dot(n, f1, SOFT, text, marker="D")
