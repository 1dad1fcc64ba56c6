"""Plots that several pages have: grouped and stacked bars by name, and curves of lengths.

Axes: L lengths from 0, B classes of lengths. For name, title and alt see figure.Chart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from ner_dist.pages.figure import INK, Chart, Picture, series_colour

# The x axis ends here, so that one sentence of a thousand tokens does not press all others to the left.
_LONGEST_SHARE = 0.998


class Series(NamedTuple):
    """Bars of one colour: a value for each name."""

    label: str
    colour: str
    values: Sequence[float]
    opacity: float = 1.0


def grouped_percentages(name: str, title: str, alt: str, groups: list[str], series: list[Series]) -> Picture:
    """The bars of each group side by side; values in percent. Those of a single series are written beside the bars."""
    chart = Chart(name, title, alt, 0.75 + len(groups) * max(0.3, 0.16 * len(series)))
    thickness = 0.8 / len(series)
    for i, (label, colour, values, _) in enumerate(series):
        places = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * thickness
        bars = chart.axes.barh(places, values, thickness * 0.9, color=colour, label=label)
        for bar, group, value in zip(bars, groups, values):
            bar.set_gid(chart.tip(f"{label}: {value:.1f} % {group}"))
        if len(series) == 1:
            chart.axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=3, color=INK)
    chart.name_rows(groups)
    chart.axes.margins(x=0.12 if len(series) == 1 else 0.05)
    _percent_axis(chart.axes.xaxis, 5)
    if len(series) > 1:
        chart.legend()
    return chart.picture()


def stacked_bars(chart: Chart, names: list[str], series: list[Series], tip: str, legend: str | None = None) -> None:
    """The bars of a name one after another. tip: a format for name, label and value. legend: its title."""
    left = np.zeros(len(names))
    for label, colour, values, opacity in series:
        bars = chart.axes.barh(range(len(names)), values, 0.7, left, color=colour, alpha=opacity, label=label)
        for bar, name, value in zip(bars, names, values):
            if value:
                bar.set_gid(chart.tip(tip.format(name=name, label=label, value=value)))
        left += values
    chart.name_rows(names)
    chart.legend(legend)


def length_curves(name: str, title: str, alt: str, histograms: dict[str, np.ndarray]) -> Picture:
    """Share of the sentences of each length, a curve for each split. histograms: split -> sentences by tokens (L,)."""
    chart = Chart(name, title, alt)
    total_L = [sum(counts) for counts in itertools.zip_longest(*histograms.values(), fillvalue=0)]
    share_L = np.cumsum(total_L) / max(1, sum(total_L))
    longest = max(8, int(np.searchsorted(share_L, _LONGEST_SHARE)))
    step = max(1, round(longest / 40))
    edges = np.arange(1, longest + step + 1, step)
    for i, (split, histogram_L) in enumerate(histograms.items()):
        counts_B, _ = np.histogram(np.arange(len(histogram_L)), edges, weights=histogram_L)
        percent_B = 100 * counts_B / max(1, histogram_L.sum())
        chart.axes.stairs(percent_B, edges - 0.5, color=series_colour(i), linewidth=1.8, label=split)
        if len(histograms) == 1:
            chart.axes.stairs(percent_B, edges - 0.5, color=series_colour(i), alpha=0.25, fill=True)
    steps = f", in steps of {step}" if step > 1 else ""
    chart.axes.set(xlabel=f"tokens per sentence{steps}", xlim=(0.5, edges[-1] - 0.5), ylim=(0, None))
    chart.axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    chart.axes.grid(axis="x", visible=False)
    _percent_axis(chart.axes.yaxis, 4)
    if len(histograms) > 1:
        chart.legend()
    return chart.picture()


def _percent_axis(axis: Axis, num_ticks: int) -> None:
    axis.set_major_formatter("{x:g} %")
    axis.set_major_locator(MaxNLocator(num_ticks, steps=[1, 2, 5, 10]))
