"""A model's part of the page, for one split or gold set: what run.html.j2 shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ner_dist.evaluation.calibration import calibration_error, confidence_group
from ner_dist.evaluation.intervals import f1_interval
from ner_dist.evaluation.score_table import about_characters
from ner_dist.reporting.bootstrap import Estimate
from ner_dist.reporting.error_kinds import error_kinds, sort_errors
from ner_dist.reporting.example_sentences import choose_examples
from ner_dist.reporting.gather import ScoredModel
from ner_dist.reporting.gold_sets import GoldSet
from ner_dist.reporting.page_filters import signed
from ner_dist.reporting.report_options import ReportOptions

# Wrong entities that are shown in context.
NUM_EXAMPLES = 20


def model_section(what: GoldSet, model: ScoredModel, options: ReportOptions, prefix: str) -> dict[str, Any]:
    """prefix: of its ids, unique in the page."""
    gold, judged = model.gold, model.judged
    sorted_errors = sort_errors(gold, judged)
    confusion = judged.scores["entity"]["confusion"]
    confused = [n for row, cells in confusion.items() for column, n in cells.items() if row != column]
    # The mean of the predicted entities of each row.
    group_P = confidence_group(judged.confidence_P)
    # result.json has the scores of the best checkpoint alone.
    is_result = what.is_split and options.checkpoint == "best" and model.facts.path == model.facts.run
    result = (model.facts.result or {}).get(what.name) if is_result else None
    return {
        "prefix": prefix,
        "what": what,
        "run": model,
        "characters": _characters(judged.scores.get("characters")),
        "about_characters": _about_characters(model),
        "as_in_result": None if result is None else result == judged.scores,
        "largest_confusion": max(confused, default=0),
        "kinds": error_kinds(gold, judged, sorted_errors),
        "examples": choose_examples(gold, judged, sorted_errors, NUM_EXAMPLES),
        "confidences": [float(judged.confidence_P[group_P == i].mean()) for i in np.unique(group_P)],
        "calibration_error": calibration_error(judged.confidence_P, judged.right_P),
        "uncalibrated_error": None
        if judged.uncalibrated_P is None
        else calibration_error(judged.uncalibrated_P, judged.right_P),
    }


def _characters(scores: dict[str, Any] | None) -> Estimate | None:
    """F1 over characters, with the interval of its counts: whole records were not resampled."""
    if scores is None:
        return None
    return Estimate(scores["f1"], *f1_interval(scores["right"], scores["predicted"], scores["gold"]))


def _about_characters(model: ScoredModel) -> str | None:
    """What the score over characters counts and, if it differs by more than a point, why; None without that score."""
    judged = model.judged
    entity, characters = judged.scores["entity"], judged.scores.get("characters")
    if characters is None:
        return None
    about = f"F1 over {about_characters(characters, model.shards.tokenizer)}."
    difference = characters["f1"] - entity["f1"]
    if abs(difference) <= 0.01 or not (judged.num_recut or characters["inexpressible"]):
        return about
    reasons = []
    if judged.num_recut:
        reasons.append(
            f"{judged.num_recut:,} of {model.gold.num_sentences:,} sentences are from texts whose gold spans "
            "decided how they are cut in the shards, or were changed to fit the tokens, and new text has no such help"
        )
    if characters["inexpressible"]:
        unfit, number = characters["inexpressible"], characters["gold"]
        reasons.append(f"{unfit:,} of {number:,} gold spans fit no tokens of new text")
    return f"{about} It differs by {signed(difference)} points from F1 over tokens: {'; '.join(reasons)}."
