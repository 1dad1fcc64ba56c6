"""A learning curve for people: a table and a sentence for the terminal, and a page with the picture."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np

from ner_dist.cli.text_table import text_table
from ner_dist.pages.figure import SERIES, SOFT, Chart, Picture, drawing_style
from ner_dist.pages.templates import environment

_HEADER = ("part of train", "sentences", "tokens", "entities", "dev F1", "test F1")


def rows(curve: dict[str, Any]) -> list[list[str]]:
    """A row for each part: its size, and mean and standard deviation over its seeds."""
    found = []
    for fraction in curve["fractions"]:
        points = [point for point in curve["points"] if point["fraction"] == fraction]
        sizes = [f"{points[0][name]:,}" for name in ("sentences", "tokens", "entities")]
        scores = [_spread([point[name] for point in points]) for name in ("dev_f1", "test_f1")]
        found.append([f"{100 * fraction:g} %", *sizes, *scores])
    return found


def table(curve: dict[str, Any]) -> str:
    return "\n".join(text_table(_HEADER, rows(curve)))


def _spread(scores: list[float | None]) -> str:
    known = [100 * score for score in scores if score is not None]
    if not known:
        return "-"
    return f"{statistics.mean(known):.2f}" + (f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else "")


def sentence(curve: dict[str, Any]) -> str:
    """What twice as much data would bring, as far as the curve can tell."""
    fit = curve["fit"]
    if fit is None:
        return "Fewer than three parts say nothing about more data; name more with --fractions."
    twice = fit["twice"]
    gain = f"Twice as much data ({twice['sentences']:,} sentences): about {100 * twice['gain']:+.1f} points of "
    gain += f"{curve['split']} F1"
    if twice["low"] is None:
        return f"{gain}; how far that is chance, more seeds would tell (--seeds 3)."
    doubt = "; that may be chance" if twice["low"] <= 0 else ""
    return (
        f"{gain} ({100 * twice['low']:+.1f} to {100 * twice['high']:+.1f}){doubt}. The interval is of 95 % if F1 goes "
        "on as a power law of the size; it covers the chance of seeds, not of other documents."
    )


@drawing_style()
def picture(curve: dict[str, Any]) -> Picture:
    """The scores of all runs over the size of their part, and the law through them up to twice the largest."""
    split, fit, points = curve["split"], curve["fit"], curve["points"]
    chart = Chart("curve", f"{split.capitalize()} entity F1, %", f"{split} F1 by number of training sentences")
    sizes = sorted({point["sentences"] for point in points})
    if fit is not None:
        n_P = np.geomspace(sizes[0], fit["twice"]["sentences"], 100)
        law_P = 100 * (fit["a"] - fit["b"] * n_P ** -fit["c"])
        known = n_P <= sizes[-1]
        chart.axes.plot(n_P[known], law_P[known], color=SERIES[0], linewidth=1.2)
        chart.axes.plot(n_P[~known], law_P[~known], color=SERIES[0], linewidth=1.2, linestyle="dashed")
        _forecast(chart, fit["twice"], float(law_P[-1]))
    for point in points:
        f1 = 100 * point[f"{split}_f1"]
        tip = f"{point['sentences']:,} sentences, seed {point['seed']}: {split} F1 {f1:.2f} %"
        chart.dot(point["sentences"], f1, SERIES[0], tip)
    chart.axes.set_xlabel("sentences of train")
    chart.axes.set_xlim(left=0)
    chart.axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    return chart.picture()


def _forecast(chart: Chart, twice: dict[str, Any], f1: float) -> None:
    n, text = twice["sentences"], f"{twice['sentences']:,} sentences, expected"
    if twice["low"] is not None:
        low, high = (f1 + 100 * (twice[end] - twice["gain"]) for end in ("low", "high"))
        chart.axes.plot([n, n], [low, high], color=SOFT, linewidth=1.2)
        text += f": {low:.2f} to {high:.2f} %"
    chart.dot(n, f1, SOFT, text, marker="D")


def page(curve: dict[str, Any]) -> str:
    """The HTML; the same curve gives the same bytes."""
    template = environment(Path(__file__).parent).get_template("curve.html.j2")
    return template.render(
        curve=curve, header=_HEADER, rows=rows(curve), sentence=sentence(curve), picture=picture(curve)
    )
