"""What was gathered -> one HTML file that asks nobody for anything: no scripts, no fonts or pictures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ner_dist.reporting import breakdown, mistakes
from ner_dist.reporting.bootstrap import LEVEL, Row
from ner_dist.reporting.charts import calibration, errors_by_kind, thresholds
from ner_dist.reporting.comparison import compare_runs
from ner_dist.reporting.curves import training_curves
from ner_dist.reporting.gather import Gathered, Judged
from ner_dist.reporting.profile import profile
from ner_dist.reporting.svg import SERIES, style
from ner_dist.reporting.tallies import CONFIDENCES

# Wrong entities that are shown in context.
NUM_EXAMPLES = 20


class Chapter(NamedTuple):
    """A run's part of the page."""

    # Of the ids in it, once a page.
    prefix: str
    judged: Judged
    curves: list[Markup]
    largest_confusion: int
    kinds: list[breakdown.ErrorKind]
    kinds_figure: Markup | None
    examples: mistakes.Examples
    confidence_rows: list[tuple[Row, float]]
    calibration_error: float
    confidence_figures: list[Markup]
    # Whether result.json says the same of this split; None if it says nothing.
    as_in_result: bool | None


def render(gathered: Gathered) -> str:
    with style():
        chapters = [_chapter(gathered, run, f"run-{i}") for i, run in enumerate(gathered.runs, 1)]
        comparison = compare_runs(gathered) if len(chapters) > 1 else None
        data = profile(gathered.index, gathered.length_N)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        percent=_percent, count=_count, heat=_heat, signed=_signed, floor=_floor, place=_place, chance=_chance
    )
    return environment.get_template("page.html.j2").render(
        wanted=gathered.wanted,
        corpus=gathered.corpus,
        index=gathered.index,
        shards=gathered.shards,
        chapters=chapters,
        comparison=comparison,
        data=data,
        level=round(100 * LEVEL),
        num_colours=len(SERIES),
    )


def _chapter(gathered: Gathered, run: Judged, prefix: str) -> Chapter:
    corpus, answers = gathered.corpus, run.answers
    found = breakdown.sort_errors(corpus, answers)
    kinds = breakdown.error_kinds(corpus, answers, found)
    confidences = _mean_confidences(run)
    rows = run.rows["confidence"]
    figures = (calibration(rows, confidences, prefix), thresholds(answers, len(corpus.gold.start_E), prefix))
    return Chapter(
        prefix=prefix,
        judged=run,
        curves=training_curves(run.facts, prefix),
        largest_confusion=_largest_error(run),
        kinds=kinds,
        kinds_figure=errors_by_kind(kinds, corpus.entity_types, prefix),
        examples=mistakes.choose(corpus, answers, found, NUM_EXAMPLES),
        confidence_rows=list(zip(rows, confidences)),
        calibration_error=_calibration_error(rows, confidences),
        confidence_figures=[figure for figure in figures if figure is not None],
        as_in_result=_as_in_result(gathered, run),
    )


def _mean_confidences(run: Judged) -> list[float]:
    """Of the predicted entities of each row of the table of confidences."""
    confidence_P = run.answers.confidence_P
    class_P = np.searchsorted(CONFIDENCES, confidence_P, side="right") - 1
    return [float(confidence_P[class_P == i].mean()) for i in np.unique(class_P)]


def _calibration_error(rows: list[Row], confidences: list[float]) -> float:
    """Expected calibration error: |share right - mean confidence| of each class, its entities being the weight."""
    off = sum(row.predicted * abs(row.precision.value - mean) for row, mean in zip(rows, confidences))
    return off / max(1, sum(row.predicted for row in rows))


def _as_in_result(gathered: Gathered, run: Judged) -> bool | None:
    result = run.facts.result
    if result is None or gathered.wanted.split not in result or gathered.wanted.checkpoint != "best":
        return None
    return bool(result[gathered.wanted.split] == run.answers.scores)


def _percent(value: float, places: int = 2) -> str:
    return f"{100 * value:.{places}f}"


def _chance(probability: float) -> str:
    """Not 100 % unless it is."""
    if 0 < probability < 0.001 or 0.999 < probability < 1:
        return "< 0.1 %" if probability < 0.5 else "> 99.9 %"
    return f"{_percent(probability, 1)} %"


def _signed(value: float) -> str:
    """A difference of scores, in points."""
    return f"{100 * value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _count(value: int) -> str:
    return f"{value:,}"


def _floor(rows: list[Row]) -> int:
    """Where the line begins that the intervals of a table are drawn on, in percent: it ends at 100."""
    lowest = min((100 * row.f1.low for row in rows), default=0)
    return 0 if lowest < 50 else int(lowest // 5) * 5 - 5 * (lowest % 5 < 1)


def _place(value: float, floor: int) -> str:
    """Where a score is on that line, in percent of its length."""
    return f"{100 * (100 * value - floor) / (100 - floor):.1f}"


def _heat(number: int, largest: int) -> str:
    """How strong the colour of a cell is, 0 to 1: by the root, so that few are told from none."""
    return f"{0.6 * (number / largest) ** 0.5 if largest else 0:.2f}"


def _largest_error(run: Judged) -> int:
    """The largest number off the diagonal of the confusion."""
    confusion = run.answers.scores["entity"]["confusion"]
    return max((n for row, cells in confusion.items() for column, n in cells.items() if row != column), default=0)
