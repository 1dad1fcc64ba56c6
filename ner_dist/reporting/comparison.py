"""Several runs side by side: their scores, what sets their knobs apart, and which differences chance may explain.

Axes: G gold entities, M tokens.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from ner_dist import config as knobs
from ner_dist.reporting.bootstrap import Paired, Row, compare
from ner_dist.reporting.charts import forest
from ner_dist.reporting.corpus import Corpus
from ner_dist.reporting.curves import dev_curves
from ner_dist.reporting.gather import Gathered, Judged


class Pair(NamedTuple):
    """Two runs, the one with the higher F1 first."""

    better: str
    worse: str
    paired: Paired
    # Gold entities that both found, each of them alone, and neither.
    both: int
    only_better: int
    only_worse: int
    neither: int


class Comparison(NamedTuple):
    # A run a line: whole split, and its F1 by type.
    lines: list[Row]
    boundaries: list[Row]
    by_type: dict[str, list[Row | None]]
    mean_f1: float
    # Of a sample.
    deviation_f1: float
    pairs: list[Pair]
    # Name of the knob -> value in each run.
    knobs: dict[str, list[Any]]
    figures: list[Markup]


def compare_runs(gathered: Gathered) -> Comparison:
    runs = gathered.runs
    lines = [run.rows["entity"][0]._replace(label=run.facts.name) for run in runs]
    f1 = [line.f1.value for line in lines]
    by_type = {
        name: [next((row for row in run.rows["type"] if row.label == name), None) for run in runs]
        for name in gathered.corpus.entity_types
    }
    figures = [forest(lines, "compare-f1", "Entity F1 and its interval, %"), dev_curves([run.facts for run in runs])]
    return Comparison(
        lines=lines,
        boundaries=[run.rows["boundaries"][0] for run in runs],
        by_type={name: found for name, found in by_type.items() if any(found)},
        mean_f1=float(np.mean(f1)),
        deviation_f1=float(np.std(f1, ddof=1)),
        pairs=[_pair(gathered.corpus, *two) for two in combinations(runs, 2)],
        knobs=_differing(runs),
        figures=[figure for figure in figures if figure is not None],
    )


def _pair(corpus: Corpus, a: Judged, b: Judged) -> Pair:
    if a.rows["entity"][0].f1.value < b.rows["entity"][0].f1.value:
        a, b = b, a
    paired = compare(a.tallies["entity"], b.tallies["entity"], a.sums_SL3["entity"], b.sums_SL3["entity"])
    a_G, b_G = (_found(corpus, run) for run in (a, b))
    counts = (a_G & b_G, a_G & ~b_G, ~a_G & b_G, ~a_G & ~b_G)
    return Pair(a.facts.name, b.facts.name, paired, *(int(found_G.sum()) for found_G in counts))


def _found(corpus: Corpus, run: Judged) -> np.ndarray:
    """Which gold entities the run has found, with their type (bool)."""
    answers = run.answers
    right_M = np.zeros(len(corpus.text_M), bool)
    right_M[answers.predicted.start_E[answers.right_P]] = True
    return right_M[corpus.gold.start_E]


def _differing(runs: list[Judged]) -> dict[str, list[Any]]:
    flat = [knobs.flat(run.facts.config) for run in runs]
    # Where a run lies says nothing of how it was made.
    names = [name for name in flat[0] if name not in ("run", "data.shards", "train.resume")]
    values = {name: [of_run[name] for of_run in flat] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}
