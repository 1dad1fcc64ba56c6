"""What was gathered -> one HTML file: no scripts, no fonts or pictures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ner_dist.evaluation.calibration import calibration_error, confidence_group
from ner_dist.evaluation.score_table import about_characters
from ner_dist.pages.figure import SERIES, drawing_style
from ner_dist.pages.templates import environment
from ner_dist.reporting import score_charts
from ner_dist.reporting.bootstrap import LEVEL, ScoreRow
from ner_dist.reporting.error_kinds import error_kinds, sort_errors
from ner_dist.reporting.example_sentences import choose_examples
from ner_dist.reporting.gather import JudgedRun, ReportData
from ner_dist.reporting.run_comparison import compare_runs
from ner_dist.reporting.shard_summary import summarise_shards
from ner_dist.reporting.training_curves import training_curves

# Wrong entities that are shown in context.
NUM_EXAMPLES = 20


@drawing_style()
def render(gathered: ReportData) -> str:
    """The HTML. The same data give the same bytes."""
    made = environment(
        Path(__file__).parent, percent=_percent, heat=_heat, signed=_signed, floor=_floor, place=_place, chance=_chance
    )
    sections = [_section(gathered, run, f"run-{i}") for i, run in enumerate(gathered.runs, 1)]
    return made.get_template("report.html.j2").render(
        vars(gathered),
        sections=sections,
        comparison=compare_runs(gathered) if len(sections) > 1 else None,
        data=summarise_shards(gathered.index, gathered.length_N),
        level=round(100 * LEVEL),
        colours={name: i % len(SERIES) for i, name in enumerate(gathered.gold.entity_types)},
        score_charts=score_charts,
        training_curves=training_curves,
    )


def _section(gathered: ReportData, run: JudgedRun, prefix: str) -> dict[str, Any]:
    """A run's part of the page, run.html.j2. prefix: of its ids, unique in the page."""
    gold, judged, options = gathered.gold, run.judged, gathered.options
    sorted_errors = sort_errors(gold, judged)
    confusion = judged.scores["entity"]["confusion"]
    confused = [n for row, cells in confusion.items() for column, n in cells.items() if row != column]
    # The mean of the predicted entities of each row.
    group_P = confidence_group(judged.confidence_P)
    confidences = [float(judged.confidence_P[group_P == i].mean()) for i in np.unique(group_P)]
    # result.json has the scores of the best checkpoint alone.
    result = (run.facts.result or {}).get(options.split) if options.checkpoint == "best" else None
    return {
        "prefix": prefix,
        "run": run,
        "about_characters": _about_characters(gathered, run),
        "as_in_result": None if result is None else result == judged.scores,
        "largest_confusion": max(confused, default=0),
        "kinds": error_kinds(gold, judged, sorted_errors),
        "examples": choose_examples(gold, judged, sorted_errors, NUM_EXAMPLES),
        "confidences": confidences,
        "calibration_error": calibration_error(judged.confidence_P, judged.right_P),
    }


def _about_characters(gathered: ReportData, run: JudgedRun) -> str | None:
    """What the score over characters counts and, if it differs by more than a point, why; None without that score."""
    entity, characters = run.judged.scores["entity"], run.judged.scores.get("characters")
    if characters is None:
        return None
    about = f"F1 over {about_characters(characters, gathered.index.tokenizer)}."
    difference = characters["f1"] - entity["f1"]
    if abs(difference) <= 0.01 or not (run.judged.num_recut or characters["inexpressible"]):
        return about
    reasons = []
    if run.judged.num_recut:
        reasons.append(
            f"{run.judged.num_recut:,} of {gathered.gold.num_sentences:,} sentences are from texts whose gold spans "
            "decided how they are cut in the shards, or were changed to fit the tokens, and new text has no such help"
        )
    if characters["inexpressible"]:
        unfit, gold = characters["inexpressible"], characters["gold"]
        reasons.append(f"{unfit:,} of {gold:,} gold spans fit no tokens of new text")
    return f"{about} It differs by {_signed(difference)} points from F1 over tokens: {'; '.join(reasons)}."


def _percent(value: float, places: int = 2) -> str:
    return f"{100 * value:.{places}f}"


def _chance(probability: float) -> str:
    """Never rounded to 0 or 100 %."""
    if 0 < probability < 0.001 or 0.999 < probability < 1:
        return "< 0.1 %" if probability < 0.5 else "> 99.9 %"
    return f"{_percent(probability, 1)} %"


def _signed(value: float) -> str:
    """A difference of scores, in points."""
    return f"{100 * value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _floor(rows: list[ScoreRow]) -> int:
    """The percentage at which the axis of a table's intervals begins; it ends at 100."""
    lowest = min((100 * row.f1.low for row in rows), default=0)
    return 0 if lowest < 50 else int(lowest // 5) * 5 - 5 * (lowest % 5 < 1)


def _place(value: float, floor: int) -> str:
    """The place of a score on that axis, in percent of its length."""
    return f"{100 * (100 * value - floor) / (100 - floor):.1f}"


def _heat(number: int, largest: int) -> str:
    """Opacity of a cell's colour: by the square root, so that few errors still differ from none."""
    return f"{0.6 * (number / largest) ** 0.5 if largest else 0:.2f}"
