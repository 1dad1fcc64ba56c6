"""Several runs side by side: their scores, the knobs in which they differ, and which differences may be chance."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ner_dist import config as knobs
from ner_dist.reporting.bootstrap import paired_test
from ner_dist.reporting.gather import JudgedRun, ReportData
from ner_dist.reporting.gold_split import GoldSplit
from ner_dist.reporting.score_charts import f1_intervals
from ner_dist.reporting.training_curves import dev_curves


def compare_runs(gathered: ReportData) -> dict[str, Any]:
    """What comparison.html.j2 shows; lists have an entry for each run."""
    runs = gathered.runs
    rows = [run.rows["entity"][0]._replace(label=run.facts.name) for run in runs]
    f1 = [row.f1.value for row in rows]
    by_type = {
        name: [next((row for row in run.rows["type"] if row.label == name), None) for run in runs]
        for name in gathered.gold.entity_types
    }
    pictures = [f1_intervals(rows), dev_curves([run.facts for run in runs])]
    return {
        "rows": rows,
        "boundaries": [run.rows["boundaries"][0] for run in runs],
        "by_type": {name: found for name, found in by_type.items() if any(found)},
        "mean_f1": float(np.mean(f1)),
        "deviation_f1": float(np.std(f1, ddof=1)),
        "pairs": [_pair(gathered.gold, *two) for two in combinations(runs, 2)],
        "knobs": _differing(runs),
        "pictures": [picture for picture in pictures if picture is not None],
    }


def _pair(gold: GoldSplit, a: JudgedRun, b: JudgedRun) -> dict[str, Any]:
    """The run with the higher F1 against the other, and how many gold entities both, one or neither found."""
    if a.rows["entity"][0].f1.value < b.rows["entity"][0].f1.value:
        a, b = b, a
    # Whether each gold entity was found with its type; entities of one tag sequence never share a first token.
    a_G, b_G = (np.isin(gold.gold.start_E, run.judged.predicted.start_E[run.judged.right_P]) for run in (a, b))
    return {
        "better": a.facts.name,
        "worse": b.facts.name,
        "test": paired_test(a.tallies["entity"], b.tallies["entity"], a.sums_SL3["entity"], b.sums_SL3["entity"]),
        "counts": [int(found_G.sum()) for found_G in (a_G & b_G, a_G & ~b_G, ~a_G & b_G, ~a_G & ~b_G)],
    }


def _differing(runs: list[JudgedRun]) -> dict[str, list[Any]]:
    """Knob -> its value in each run."""
    flat = [knobs.flat(run.facts.config) for run in runs]
    # Paths do not matter to how a run was made.
    names = [name for name in flat[0] if name not in ("run", "data.shards", "train.resume")]
    values = {name: [of_run[name] for of_run in flat] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}
