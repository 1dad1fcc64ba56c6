"""Statistics of a corpus as figures: entities by type, lengths, what train lacks, texts that types share."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from data_prep.statistics.counts import CorpusStats
from data_prep.statistics.tables import ENTITY_LENGTHS, class_names, entity_length_counts
from ner_dist.pages.figure import INK, SERIES, Chart, Picture, series_colour
from ner_dist.pages.plots import Series, grouped_percentages, length_curves, stacked_bars

# More types than this are not drawn; the tables have them all.
MAX_TYPES = 20


def _shares_by_type(stats: CorpusStats, name: str, title: str, alt: str, counts: dict[str, tuple[Any, Any]]) -> Picture:
    """counts: split -> numbers by type, and of how many."""
    colours = {split.name: series_colour(i) for i, split in enumerate(stats.splits)}
    series = [
        Series(split, colours[split], (100 * (np.array(part_T) / np.maximum(1, whole)))[:MAX_TYPES].tolist())
        for split, (part_T, whole) in counts.items()
    ]
    return grouped_percentages(name, title, alt, stats.entity_types[:MAX_TYPES], series)


def entity_types(stats: CorpusStats) -> Picture:
    counts = {split.name: (split.entity_TL.sum(1), split.num_entities()) for split in stats.splits}
    return _shares_by_type(stats, "types", "Entities by type", "Bars: share of the entities by type", counts)


def unseen_entities(stats: CorpusStats) -> Picture:
    counts = {found.split: (found.entities_T, found.all_T) for found in stats.unseen}
    return _shares_by_type(stats, "unseen", "New entities", "Bars: share of new entities by type", counts)


def sentence_lengths(stats: CorpusStats) -> Picture:
    alt = "Curves: share of the sentences by number of tokens"
    return length_curves("sentences", "Sentence lengths", alt, {split.name: split.sentence_L for split in stats.splits})


def entity_lengths(stats: CorpusStats) -> Picture:
    types = stats.entity_types[:MAX_TYPES]
    alt = "Stacked bars: entities of each type by number of tokens"
    chart = Chart("lengths", "Entity lengths", alt, 0.95 + 0.3 * len(types))
    counts_TC = np.array([entity_length_counts(stats, type_id) for type_id in range(len(types))], float)
    percent_TC = 100 * counts_TC / np.maximum(1, counts_TC.sum(1, keepdims=True))
    opacities = np.linspace(0.25, 1, len(ENTITY_LENGTHS))
    series = [
        Series(name, SERIES[0], percent_T.tolist(), opacity)
        for name, percent_T, opacity in zip(class_names(ENTITY_LENGTHS), percent_TC.T, opacities)
    ]
    stacked_bars(chart, types, series, "{value:.1f} % of {name}: {label} tokens", legend="tokens")
    # A grid would show through the bars.
    chart.axes.grid(visible=False)
    chart.axes.set_xlim(0, 100)
    chart.axes.xaxis.set_major_formatter("{x:g} %")
    return chart.picture()


def shared_texts(stats: CorpusStats) -> Picture:
    """The lower half of a symmetric table: texts that are entities of both types."""
    shared_TT = stats.shared_TT
    # The types that share most, if there are many.
    chosen = np.sort(np.argsort(-shared_TT.sum(1), kind="stable")[:MAX_TYPES])
    chosen = chosen[shared_TT[chosen].sum(1) > 0]
    shown_TT, types = shared_TT[np.ix_(chosen, chosen)], [stats.entity_types[type_id] for type_id in chosen]
    alt = "Table of types: how many texts are entities of both"
    chart = Chart("shared", "Types that share texts", alt, 0.6 + 0.4 * len(types))
    for column, row in itertools.combinations(range(len(types)), 2):
        count = int(shown_TT[row, column])
        opacity = 0.08 + 0.47 * (count / shown_TT.max()) ** 0.5 if count else 0.03
        corner = (column - 0.47, row - 0.46)
        chart.axes.add_patch(Rectangle(corner, 0.94, 0.92, color=SERIES[0], alpha=opacity, linewidth=0))
        chart.axes.text(column, row, f"{count:,}" if count else "", ha="center", va="center", color=INK)
    chart.axes.set_xticks(range(len(types) - 1), types[:-1], rotation=45 if len(types) > 6 else 0, color=INK)
    chart.axes.set_yticks(range(1, len(types)), types[1:], color=INK)
    chart.axes.set(xlim=(-0.5, len(types) - 1.5), ylim=(len(types) - 0.5, 0.5))
    chart.axes.grid(visible=False)
    chart.axes.spines[:].set_visible(False)
    return chart.picture()
