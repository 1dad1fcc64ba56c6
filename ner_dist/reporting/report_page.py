"""What was gathered -> one HTML file: no scripts, no fonts or pictures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ner_dist.contract.shard_format import Index
from ner_dist.pages.figure import SERIES, drawing_style
from ner_dist.pages.templates import environment
from ner_dist.reporting import learning_curve, page_filters, score_charts
from ner_dist.reporting.bootstrap import LEVEL, ScoreRow
from ner_dist.reporting.gather import ReportData, ScoredModel, ScoredSet
from ner_dist.reporting.model_section import model_section
from ner_dist.reporting.run_comparison import compare_models
from ner_dist.reporting.shard_summary import DataPart, summarise_data, warnings_of
from ner_dist.reporting.tallies import SEEN
from ner_dist.reporting.training_curves import training_curves
from ner_dist.stores.local_copies import by_address

_FILTERS = ("percent", "heat", "signed", "floor", "place", "chance")


@drawing_style()
def render(gathered: ReportData) -> str:
    """The HTML. The same data give the same bytes."""
    filters = {name: getattr(page_filters, name) for name in _FILTERS}
    sets = [_set(gathered, scored, i) for i, scored in enumerate(gathered.sets, 1)]
    types = dict.fromkeys(name for scored in gathered.sets for m in scored.models for name in m.gold.entity_types)
    return (
        environment(Path(__file__).parent, **filters)
        .get_template("report.html.j2")
        .render(
            options=gathered.options,
            title=_title(gathered),
            where=_where(gathered),
            headline=_headline(sets),
            sets=sets,
            golds=_golds(gathered.sets) if len(sets) > 1 else None,
            data=summarise_data(_data_parts(gathered)),
            sources=_sources(gathered),
            curves=[(curve, learning_curve, f"curve-{i}") for i, curve in enumerate(gathered.curves, 1)],
            level=round(100 * LEVEL),
            colours={name: i % len(SERIES) for i, name in enumerate(types)},
            score_charts=score_charts,
            training_curves=training_curves,
        )
    )


def _title(gathered: ReportData) -> str:
    models = gathered.sets[0].models
    return models[0].facts.name if len(models) == 1 else f"{len(models)} models"


def _where(gathered: ReportData) -> str:
    return gathered.sets[0].what.in_words if len(gathered.sets) == 1 else f"{len(gathered.sets)} gold sets"


def _set(gathered: ReportData, scored: ScoredSet, number: int) -> dict[str, Any]:
    """What is shown of a split or gold set; ids of the only one have no prefix."""
    prefix = f"gold-{number}-" if len(gathered.sets) > 1 else ""
    options, models = gathered.options, scored.models
    comparison = compare_models(scored, options, f"{prefix}compare", number == 1) if len(models) > 1 else None
    return {
        "prefix": prefix,
        "what": scored.what,
        "gold": models[0].gold,
        "sections": [
            model_section(scored.what, model, options, f"{prefix}run-{i}") for i, model in enumerate(models, 1)
        ],
        "comparison": comparison,
    }


def _headline(sets: list[dict[str, Any]]) -> str:
    """The score in the page's head: a mean only if it is one of the same thing."""
    comparison = sets[0]["comparison"]
    if comparison is not None and len(sets) == 1 and len(comparison["groups"]) == 1:
        return f"mean F1 {page_filters.percent(comparison['groups'][0].mean)}"
    shown = [of_set["comparison"]["compared"] if of_set["comparison"] else _whole(of_set) for of_set in sets]
    f1 = [row.f1.value for rows in shown for row in rows]
    low, high = page_filters.percent(min(f1)), page_filters.percent(max(f1))
    return f"F1 {low}" if len(f1) == 1 else f"F1 {low} to {high}"


def _whole(of_set: dict[str, Any]) -> list[ScoreRow]:
    return [section["run"].rows["entity"][0] for section in of_set["sections"]]


def _golds(sets: list[ScoredSet]) -> dict[str, Any]:
    """Several gold sets side by side, which golds.html.j2 shows; by model a row for each set, and F1 by type."""
    tables = []
    for i, model in enumerate(sets[0].models):
        scored = [(of_set.what.name, of_set.models[i]) for of_set in sets]
        names = dict.fromkeys(row.label for _, found in scored for row in found.rows["type"])
        rows = [found.rows["entity"][0]._replace(label=name) for name, found in scored]
        by_type = {
            name: [next((row for row in found.rows["type"] if row.label == name), None) for _, found in scored]
            for name in names
        }
        tables.append((model.facts.name, rows, by_type, score_charts.f1_intervals(rows, f"golds-{i + 1}")))
    return {"names": [of_set.what.name for of_set in sets], "tables": tables}


def _data_parts(gathered: ReportData) -> list[DataPart]:
    """Splits of the models' shards, or train and the gold sets as the first model reads them."""
    there, first = gathered.trained_on, gathered.sets[0]
    if first.what.is_split and there is not None:
        seen = {first.what.name: _seen(first.models[0])}
        lengths = there.length_N
        return [DataPart(split, there.shards, split, lengths[split], seen.get(split)) for split in there.shards.splits]
    train = [] if there is None else [DataPart("train", there.shards, "train", there.length_N["train"], None)]
    of_gold = [
        DataPart(scored.what.name, scored.models[0].shards, "test", scored.length_N, _seen(scored.models[0]))
        for scored in gathered.sets
    ]
    return [*train, *of_gold]


def _seen(model: ScoredModel) -> float | None:
    if "seen" not in model.tallies:
        return None
    rows, total = model.rows["seen"], model.rows["entity"][0].gold
    return sum(row.gold for row in rows if row.label == SEEN[0]) / max(1, total)


def _sources(gathered: ReportData) -> list[dict[str, Any]]:
    """The shards that train and splits are of, and those that were built of gold files."""
    there = gathered.trained_on
    found: list[tuple[str, Index, str | None]]
    found = [] if there is None else [("shards", there.shards, by_address(str(there.directory)))]
    found += [(s.what.name, s.models[0].shards, None) for s in gathered.sets if not s.what.is_split]
    return [
        {"name": name, "index": index, "directory": directory, "warnings": warnings_of(index)}
        for name, index, directory in found
    ]
