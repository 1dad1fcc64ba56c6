"""Several models side by side: their scores, the knobs in which they differ, and which differences may be chance."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ner_dist.pages.figure import Picture
from ner_dist.reporting.bootstrap import ScoreRow, paired_test, resample, score_rows
from ner_dist.reporting.gather import ScoredModel, ScoredSet
from ner_dist.reporting.record_counts import align
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.reporting.score_charts import f1_intervals
from ner_dist.reporting.seed_groups import differing_knobs, seed_groups
from ner_dist.reporting.tallies import Tally
from ner_dist.reporting.training_curves import dev_curves


def compare_models(scored: ScoredSet, options: ReportOptions, prefix: str, with_training: bool) -> dict[str, Any]:
    """What comparison.html.j2 shows; lists have an entry for each model.

    prefix: of the figures' ids. with_training: whether to show the models' training.
    """
    models = scored.models
    facts = [model.facts for model in models]
    rows = [model.rows["entity"][0]._replace(label=model.facts.name) for model in models]
    names = dict.fromkeys(row.label for model in models for row in model.rows["type"])
    by_type = {
        name: [next((row for row in model.rows["type"] if row.label == name), None) for model in models]
        for name in names
    }
    found: dict[str, Any] = {"unit": "sentences", "pairs": [], "character_rows": []}
    if scored.is_of_equal_tokens:
        found["pairs"] = [_pair(*two) for two in combinations(models, 2)]
    elif all(model.records is not None for model in models):
        found.update(_by_characters(models, options))
    else:
        found["unit"] = None
    # What can be compared.
    compared = found["character_rows"] or rows
    pictures: list[Picture | None] = [f1_intervals(compared, prefix)]
    pictures += [dev_curves(facts, prefix)] if with_training else []
    return {
        **found,
        "rows": rows,
        "boundaries": [model.rows["boundaries"][0] for model in models],
        "by_type": by_type,
        "compared": compared,
        "groups": seed_groups(facts, [row.f1.value for row in compared]),
        "knobs": differing_knobs(facts),
        "num_corpora": len({model.trained_on for model in facts}),
        "pictures": [picture for picture in pictures if picture is not None],
    }


def _pair(a: ScoredModel, b: ScoredModel) -> dict[str, Any]:
    """The model with the higher F1 against the other, and how many gold entities both, one or neither found."""
    if a.rows["entity"][0].f1.value < b.rows["entity"][0].f1.value:
        a, b = b, a
    # Whether each gold entity was found with its type; entities of one tag sequence never share a first token.
    a_G, b_G = (np.isin(m.gold.gold.start_E, m.judged.predicted.start_E[m.judged.right_P]) for m in (a, b))
    return {
        "better": a.facts.name,
        "worse": b.facts.name,
        "test": paired_test(a.tallies["entity"], b.tallies["entity"], a.sums_SL3["entity"], b.sums_SL3["entity"]),
        "counts": [int(found_G.sum()) for found_G in (a_G & b_G, a_G & ~b_G, ~a_G & b_G, ~a_G & ~b_G)],
    }


def _by_characters(models: list[ScoredModel], options: ReportOptions) -> dict[str, Any]:
    """Models that cut the texts differently, compared by exact characters, with whole records resampled."""
    tallies = align([model.records for model in models if model.records is not None])
    sums = resample([{"entity": tally} for tally in tallies], options.samples, options.seed)
    parts = [
        (score_rows(tally, of_model["entity"])[0]._replace(label=model.facts.name), tally, of_model["entity"])
        for model, tally, of_model in zip(models, tallies, sums)
    ]
    return {
        "unit": "records of the source",
        "character_rows": [row for row, _, _ in parts],
        "pairs": [_character_pair(*two) for two in combinations(parts, 2)],
    }


_Part = tuple[ScoreRow, Tally, np.ndarray]


def _character_pair(a: _Part, b: _Part) -> dict[str, Any]:
    if a[0].f1.value < b[0].f1.value:
        a, b = b, a
    test = paired_test(a[1], b[1], a[2], b[2])
    # Which entities both found is not kept.
    return {"better": a[0].label, "worse": b[0].label, "test": test, "counts": []}
