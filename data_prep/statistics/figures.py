"""Statistics of a corpus -> pictures as inline SVG, whose colours are those of the page they stand on.

Matplotlib is told colours that stand for roles; in the SVG the page's CSS variables take their place, so that light
and dark need one picture. Colours after Okabe and Ito: apart for colour-blind eyes too.
"""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_prep.statistics.counts import Stats
from data_prep.statistics.tables import ENTITY_CLASSES, class_names, entity_length_counts

# Stand-in -> CSS variable.
INK, MUTED, LINE, CARD, ACCENT = "#010101", "#020202", "#030303", "#040404", "#050505"
SPLITS = ("#060601", "#060602", "#060603")
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", CARD: "card", ACCENT: "accent"}
VARIABLES.update({colour: f"split-{number}" for number, colour in enumerate(SPLITS)})
# In inches of 72 units; the page makes it as wide as its column.
WIDTH = 5.2
SETTINGS = {
    # Text stays text: it can be read aloud, and has the page's font.
    "svg.fonttype": "none",
    "svg.hashsalt": "ner",
    "font.size": 11.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "axes.edgecolor": LINE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "text.parse_math": False,
}
# More types than this are not drawn; the table has them all.
MAX_TYPES = 20
# So that one sentence of a thousand tokens does not press all others to the left.
LONGEST_SHARE = 0.998


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, name: str, description: str) -> str:
    """The picture without its XML prolog, in the page's colours, with ids that no other picture has."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Of letters that Matplotlib's font lacks: the page's fonts have them.
        warnings.simplefilter("ignore")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt" ', "", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)


def _drawn(draw: Callable[[Stats], str]) -> Callable[[Stats], str]:
    """A function that draws with the settings of this file and leaves nothing of them behind."""

    def drawn(stats: Stats) -> str:
        with matplotlib.rc_context(SETTINGS):
            return draw(stats)

    return drawn


def _shares_by_type(
    types: Sequence[str], series: list[tuple[str, str, list[float]]], name: str, description: str
) -> str:
    """Bars of each type side by side, as percentages: series of (label, colour, shares)."""
    types = types[:MAX_TYPES]
    thickness = 0.8 / len(series)
    figure, axes = _figure(0.75 + len(types) * max(0.3, 0.16 * len(series)))
    place_T = np.arange(len(types))
    for number, (label, colour, shares) in enumerate(series):
        offset = (number - (len(series) - 1) / 2) * thickness
        percent_T = [100 * share for share in shares[: len(types)]]
        bars = axes.barh(place_T + offset, percent_T, thickness * 0.9, color=colour, label=label)
        if len(series) == 1:
            axes.bar_label(bars, [f"{value:.1f}" for value in percent_T], padding=3, color=INK)
    axes.set_yticks(place_T, types)
    axes.invert_yaxis()
    axes.margins(y=0.02, x=0.12 if len(series) == 1 else 0.05)
    _percent_axis(axes)
    if len(series) > 1:
        _legend(axes, len(series))
    return _svg(figure, name, description)


def _percent_axis(axes: Axes) -> None:
    axes.xaxis.grid(True, color=LINE, linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))


def _legend(axes: Axes, num_columns: int, title: str | None = None) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=num_columns,
        borderpad=0,
        borderaxespad=0.3,
        handlelength=1,
        handletextpad=0.5,
        columnspacing=1.2,
        title=title,
        alignment="left",
    )


@_drawn
def entity_types(stats: Stats) -> str:
    series = []
    for split, colour in zip(stats.splits, itertools.cycle(SPLITS)):
        total = max(1, split.num_entities())
        shares = [split.num_entities(type_id) / total for type_id in range(len(stats.entity_types))]
        series.append((split.name, colour, shares))
    return _shares_by_type(stats.entity_types, series, "types", "Bars: share of the entities by type")


@_drawn
def unseen_entities(stats: Stats) -> str:
    colours = {split.name: colour for split, colour in zip(stats.splits, itertools.cycle(SPLITS))}
    series = [
        (found.split, colours[found.split], [new / max(1, total) for new, total in zip(found.entities_T, found.all_T)])
        for found in stats.unseen
    ]
    return _shares_by_type(stats.entity_types, series, "unseen", "Bars: share of new entities by type")


@_drawn
def sentence_lengths(stats: Stats) -> str:
    total_L = np.zeros(max(len(split.sentence_L) for split in stats.splits))
    for split in stats.splits:
        total_L[: len(split.sentence_L)] += split.sentence_L
    cumulated_L = np.cumsum(total_L) / max(1, total_L.sum())
    longest = max(8, int(np.searchsorted(cumulated_L, LONGEST_SHARE)))
    step = max(1, round(longest / 40))
    edges = np.arange(1, longest + step + 1, step)
    figure, axes = _figure(2.7)
    for split, colour in zip(stats.splits, itertools.cycle(SPLITS)):
        length_D = np.flatnonzero(split.sentence_L)
        heights, _ = np.histogram(length_D, edges, weights=split.sentence_L[length_D])
        percent_B = 100 * heights / max(1, split.num_sentences)
        axes.stairs(percent_B, edges - 0.5, color=colour, linewidth=2, label=split.name)
        if len(stats.splits) == 1:
            axes.stairs(percent_B, edges - 0.5, color=colour, alpha=0.25, fill=True)
    axes.set_xlabel("tokens a sentence" + (f", in steps of {step}" if step > 1 else ""))
    axes.yaxis.grid(True, color=LINE, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.set_xlim(0.5, edges[-1] - 0.5)
    axes.set_ylim(bottom=0)
    if len(stats.splits) > 1:
        _legend(axes, len(stats.splits))
    return _svg(figure, "sentences", "Curves: share of the sentences by number of tokens")


@_drawn
def entity_lengths(stats: Stats) -> str:
    types = stats.entity_types[:MAX_TYPES]
    figure, axes = _figure(0.95 + 0.3 * len(types))
    counts_TC = np.array([entity_length_counts(stats, type_id) for type_id in range(len(types))], float)
    percent_TC = 100 * counts_TC / np.maximum(1, counts_TC.sum(1, keepdims=True))
    left_T = np.zeros(len(types))
    strengths = np.linspace(0.25, 1, len(ENTITY_CLASSES))
    for name, percent_T, strength in zip(class_names(ENTITY_CLASSES), percent_TC.T, strengths):
        axes.barh(np.arange(len(types)), percent_T, 0.72, left_T, color=ACCENT, alpha=strength, label=name)
        left_T += percent_T
    axes.set_yticks(np.arange(len(types)), types)
    axes.invert_yaxis()
    axes.margins(x=0, y=0.02)
    _percent_axis(axes)
    # It would show through.
    axes.xaxis.grid(False)
    axes.set_xlim(0, 100)
    _legend(axes, len(ENTITY_CLASSES), "tokens")
    return _svg(figure, "lengths", "Stacked bars: entities of each type by number of tokens")


@_drawn
def shared_texts(stats: Stats) -> str:
    shared_TT = stats.shared_TT
    # The types that share most, if they are many.
    chosen = np.sort(np.argsort(-shared_TT.sum(1), kind="stable")[:MAX_TYPES])
    chosen = chosen[shared_TT[chosen].sum(1) > 0]
    shown_TT, types = shared_TT[np.ix_(chosen, chosen)], [stats.entity_types[type_id] for type_id in chosen]
    figure, axes = _figure(0.6 + 0.4 * len(types))
    largest = shown_TT.max()
    for row, column in itertools.product(range(len(types)), repeat=2):
        count = int(shown_TT[row, column])
        # Half a table is enough: the other half says the same.
        if column >= row:
            continue
        strength = 0.08 + 0.47 * (count / largest) ** 0.5 if count else 0.03
        axes.add_patch(
            matplotlib.patches.Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, color=ACCENT, alpha=strength, lw=0)
        )
        axes.text(column, row, f"{count:,}" if count else "", ha="center", va="center", color=INK)
    axes.set_xticks(range(len(types) - 1), types[:-1], rotation=45 if len(types) > 6 else 0)
    axes.set_yticks(range(1, len(types)), types[1:])
    axes.tick_params(axis="x", labelcolor=INK)
    axes.set_xlim(-0.5, len(types) - 1.5)
    axes.set_ylim(len(types) - 0.5, 0.5)
    return _svg(figure, "shared", "Table of types: how many texts are entities of both")
