"""The course of training as figures: loss, dev F1, learning rate and throughput over the epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ner_dist.reporting.run_facts import RunFacts
from ner_dist.reporting.svg import SERIES, SOFT, Chart, series

# Points of a line; more cannot be told apart.
_POINTS = 600

Point = tuple[float, float]


def training_curves(facts: RunFacts, prefix: str) -> list[Markup]:
    """Those that the run's metrics have numbers for. prefix: of the figures' ids."""
    drawn = [_loss(facts, prefix), _dev(facts, prefix), _rate(facts, prefix), _throughput(facts, prefix)]
    return [chart.svg() for chart in drawn if chart is not None]


def dev_curves(runs: list[RunFacts]) -> Markup | None:
    """Dev F1 of all runs in one figure."""
    if not any(facts.epochs for facts in runs):
        return None
    chart = Chart("compare-dev", "Dev entity F1 of each run by epoch", "Dev entity F1, %", height=2.8)
    for i, facts in enumerate(runs):
        _epoch_line(chart, facts, "dev_f1", 100, series(i), f"{facts.name}, epoch {{}}: dev F1 {{:.2f}} %", facts.name)
    _epoch_axis(chart, (line["epoch"] for facts in runs for line in facts.epochs))
    chart.axes.legend(loc="lower right")
    return chart.svg()


def _loss(facts: RunFacts, prefix: str) -> Chart | None:
    """Within an epoch the mean of its steps so far, as the metrics have it; at its end the epoch's."""
    if not facts.steps and not facts.epochs:
        return None
    chart = Chart(f"{prefix}-loss", "Training loss by epoch", "Training loss a sentence")
    for _, points in groupby(_step_points(facts, "loss"), lambda point: math.ceil(point[0])):
        chart.axes.plot(*zip(*points), color=SOFT, linewidth=0.8)
    _epoch_line(chart, facts, "loss", 1, SERIES[0], "epoch {}: mean loss {:.4f} a sentence")
    chart.axes.set_ylim(bottom=0)
    return _finished(chart, facts)


def _dev(facts: RunFacts, prefix: str) -> Chart | None:
    if not facts.epochs:
        return None
    chart = Chart(f"{prefix}-dev", "Dev precision, recall and F1 by epoch", "Dev entities, %")
    for name, colour in (("precision", SERIES[4]), ("recall", SERIES[2])):
        chart.axes.plot(*_columns(facts, f"dev_{name}"), color=colour, linewidth=0.9, linestyle="--", label=name)
    _epoch_line(chart, facts, "dev_f1", 100, SERIES[0], "epoch {}: dev F1 {:.2f} %", "F1")
    best = next(line for line in facts.epochs if line["epoch"] == facts.best_epoch)
    epoch, f1 = best["epoch"], 100 * best["dev_f1"]
    chart.dot(epoch, f1, SERIES[1], f"best: epoch {epoch}, dev F1 {f1:.2f} %", size=9, marker="*")
    chart.axes.annotate(
        f"best {f1:.2f}", (epoch, f1), xytext=(0, 7), textcoords="offset points", ha="center", color=SERIES[1]
    )
    chart.axes.margins(y=0.15)
    chart.axes.legend(loc="lower right", ncols=3)
    return _finished(chart, facts)


def _rate(facts: RunFacts, prefix: str) -> Chart | None:
    if not facts.steps:
        return None
    chart = Chart(f"{prefix}-rate", "Learning rate by epoch", "Learning rate", height=2)
    chart.axes.plot(*zip(*_step_points(facts, "learning_rate")), color=SERIES[3])
    chart.axes.set_ylim(bottom=0)
    return _finished(chart, facts)


def _throughput(facts: RunFacts, prefix: str) -> Chart | None:
    points = _step_points(facts, "tokens_per_second") or _of_epochs(facts, "tokens_per_second", 1)
    if not points:
        return None
    chart = Chart(f"{prefix}-speed", "Tokens a second of training so far", "Tokens a second, mean so far", height=2)
    chart.axes.plot(*zip(*points), color=SERIES[2])
    chart.axes.set_ylim(bottom=0)
    chart.axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return _finished(chart, facts)


def _step_points(facts: RunFacts, name: str) -> list[Point]:
    """Values of the lines within epochs, at the share of the epochs that was through; thinned out."""
    if facts.epochs:
        steps_per_epoch = facts.epochs[0]["steps"] / facts.epochs[0]["epoch"]
    else:
        # Still in the first one: as if it ended here.
        steps_per_epoch = facts.steps[-1]["steps"] if facts.steps else 1
    points = [(line["steps"] / steps_per_epoch, line[name]) for line in facts.steps]
    return points[:: max(1, len(points) // _POINTS)]


def _of_epochs(facts: RunFacts, name: str, scale: float) -> list[Point]:
    return [(line["epoch"], scale * line[name]) for line in facts.epochs]


def _columns(facts: RunFacts, name: str) -> Any:
    return zip(*_of_epochs(facts, name, 100))


def _epoch_line(
    chart: Chart, facts: RunFacts, name: str, scale: float, colour: str, tip: str, label: str | None = None
) -> None:
    points = _of_epochs(facts, name, scale)
    if not points:
        return
    chart.axes.plot(*zip(*points), color=colour, label=label)
    for epoch, value in points:
        chart.dot(epoch, value, colour, tip.format(epoch, value))


def _finished(chart: Chart, facts: RunFacts) -> Chart:
    _epoch_axis(chart, (line["epoch"] for line in [*facts.epochs, *facts.steps]))
    return chart


def _epoch_axis(chart: Chart, epochs: Iterable[int]) -> None:
    """Whole epochs alone, and not too many of them."""
    last = max(epochs, default=1)
    every = max(1, math.ceil(last / 10))
    chart.axes.set_xlim(0, last * 1.03)
    chart.axes.set_xticks(range(0, last + 1, every))
    chart.axes.set_xlabel("epoch")
