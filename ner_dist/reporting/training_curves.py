"""The course of training as figures: loss, dev F1, learning rate and throughput over the epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from ner_dist.pages.figure import SERIES, SOFT, Chart, Picture, series_colour
from ner_dist.reporting.run_facts import RunFacts

# More points of a line cannot be told apart.
_POINTS = 600

Point = tuple[float, float]


def training_curves(facts: RunFacts, prefix: str) -> list[Picture]:
    """Those that the run's metrics have numbers for. prefix: of the figures' ids."""
    speed = _step_points(facts, "tokens_per_second") or _epoch_points(facts, "tokens_per_second", 1)
    speed_names = ("Tokens per second, mean so far", "Tokens per second of training so far")
    rate = _step_points(facts, "learning_rate")
    drawn = [
        _loss(facts, prefix),
        _dev(facts, prefix),
        _line(f"{prefix}-rate", "Learning rate", "Learning rate by epoch", rate, SERIES[3]),
        _line(f"{prefix}-speed", *speed_names, speed, SERIES[2]),
    ]
    charts = [chart for chart in drawn if chart is not None]
    for chart in charts:
        _epoch_axis(chart, (line["epoch"] for line in [*facts.epochs, *facts.steps]))
    return [chart.picture() for chart in charts]


def dev_curves(runs: list[RunFacts], prefix: str) -> Picture | None:
    """Dev F1 of all runs in one figure; exports have none."""
    if not any(facts.epochs for facts in runs):
        return None
    chart = Chart(f"{prefix}-dev", "Dev entity F1, %", "Dev entity F1 of each run by epoch", height=2.8)
    for i, facts in enumerate(runs):
        tip = "{name}, epoch {epoch}: dev F1 {value:.2f} %"
        _epoch_line(chart, facts, "dev_f1", 100, series_colour(i), tip, facts.name)
    _epoch_axis(chart, (line["epoch"] for facts in runs for line in facts.epochs))
    chart.legend()
    return chart.picture()


def _loss(facts: RunFacts, prefix: str) -> Chart | None:
    """Within an epoch the mean of its steps so far, as metrics.jsonl has it; at its end the epoch's, and dev's."""
    if not facts.steps and not facts.epochs:
        return None
    # Runs of before have none.
    has_dev = bool(facts.epochs) and all("dev_loss" in line for line in facts.epochs)
    names = (
        ("Loss per sentence", "Loss of train and dev") if has_dev else ("Training loss per sentence", "Training loss")
    )
    chart = Chart(f"{prefix}-loss", names[0], f"{names[1]} by epoch")
    for _, points in groupby(_step_points(facts, "loss"), lambda point: math.ceil(point[0])):
        chart.axes.plot(*zip(*points), color=SOFT, linewidth=0.8)
    tip = "epoch {epoch}: mean loss {value:.4f} per sentence"
    _epoch_line(chart, facts, "loss", 1, SERIES[0], tip, "train" if has_dev else None)
    if has_dev:
        _epoch_line(chart, facts, "dev_loss", 1, SERIES[1], f"{tip} of dev, without dropout", "dev")
        chart.legend()
    chart.axes.set_ylim(bottom=0)
    return chart


def _dev(facts: RunFacts, prefix: str) -> Chart | None:
    if not facts.epochs:
        return None
    chart = Chart(f"{prefix}-dev", "Dev entities, %", "Dev precision, recall and F1 by epoch")
    for name, colour in (("precision", SERIES[4]), ("recall", SERIES[2])):
        points = _epoch_points(facts, f"dev_{name}", 100)
        chart.axes.plot(*zip(*points), color=colour, linewidth=0.9, linestyle="--", label=name)
    _epoch_line(chart, facts, "dev_f1", 100, SERIES[0], "epoch {epoch}: dev F1 {value:.2f} %", "F1")
    best = next(line for line in facts.epochs if line["epoch"] == facts.best_epoch)
    epoch, f1 = best["epoch"], 100 * best["dev_f1"]
    chart.dot(epoch, f1, SERIES[1], f"best: epoch {epoch}, dev F1 {f1:.2f} %", size=9, marker="*")
    chart.axes.annotate(f"best {f1:.2f}", (epoch, f1), (0, 7), textcoords="offset points", ha="center", color=SERIES[1])
    chart.axes.margins(y=0.15)
    chart.legend()
    return chart


def _line(name: str, title: str, alt: str, points: list[Point], colour: str) -> Chart | None:
    if not points:
        return None
    chart = Chart(name, title, alt, height=2)
    chart.axes.plot(*zip(*points), color=colour)
    chart.axes.set_ylim(bottom=0)
    chart.axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    return chart


def _step_points(facts: RunFacts, name: str) -> list[Point]:
    """(epochs done, value) of the lines within epochs, thinned out."""
    # While the first epoch is not over, it is drawn as if it ended at the last line.
    end = next(iter([*facts.epochs[:1], *facts.steps[-1:]]), {"steps": 1, "epoch": 1})
    points = [(line["steps"] / (end["steps"] / end["epoch"]), line[name]) for line in facts.steps]
    return points[:: max(1, len(points) // _POINTS)]


def _epoch_points(facts: RunFacts, name: str, scale: float) -> list[Point]:
    return [(line["epoch"], scale * line[name]) for line in facts.epochs]


def _epoch_line(
    chart: Chart, facts: RunFacts, name: str, scale: float, colour: str, tip: str, label: str | None = None
) -> None:
    """A line with a dot for each epoch. tip: a format for name (that is, label), epoch and value."""
    points = _epoch_points(facts, name, scale)
    if not points:
        return
    chart.axes.plot(*zip(*points), color=colour, label=label)
    for epoch, value in points:
        chart.dot(epoch, value, colour, tip.format(name=label, epoch=epoch, value=value))


def _epoch_axis(chart: Chart, epochs: Iterable[int]) -> None:
    """Ticks at whole epochs, at most eleven of them."""
    last = max(epochs, default=1)
    chart.axes.set_xlim(0, last * 1.03)
    chart.axes.set_xticks(range(0, last + 1, max(1, math.ceil(last / 10))))
    chart.axes.set_xlabel("epoch")
