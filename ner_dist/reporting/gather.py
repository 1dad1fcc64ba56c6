"""Models and what they are scored on -> the plain data that the page shows: scores of every model, resampled together.

Axes: L labels of a table, 3 counts, S draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.contract.like_model import read_like
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.contract.shard_place import find_shards
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.bootstrap import ScoreRow, resample, score_rows
from ner_dist.reporting.gold_sets import GoldSet, gold_sets
from ner_dist.reporting.gold_split import (
    GoldSplit,
    SeenInTraining,
    read_gold_split,
    read_lengths,
    read_seen_in_training,
    seen_by_ids,
)
from ner_dist.reporting.judged_predictions import JudgedPredictions, predict
from ner_dist.reporting.learning_curve import LearningCurve, read_curve
from ner_dist.reporting.record_counts import RecordCounts, count_records
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.reporting.run_facts import RunFacts, read_facts, short_names, training_data
from ner_dist.reporting.tallies import Tally, tally_all
from ner_dist.scoring.gold_shards import gold_shards
from ner_dist.scoring.open_model import OpenedModel, open_model, open_on_gold
from ner_dist.stores.models import local_model


@dataclasses.dataclass(frozen=True)
class CountedModel:
    """A model on one split or gold set, counted."""

    facts: RunFacts
    gold: GoldSplit
    # The index of the shards that were scored.
    shards: Index
    # The types of the gold that the model does not know, and how many entities each has.
    unknown_types: dict[str, int]
    judged: JudgedPredictions
    # By table.
    tallies: dict[str, Tally]
    # None: the gold has no texts.
    records: RecordCounts | None


@dataclasses.dataclass(frozen=True)
class ScoredModel(CountedModel):
    """The same with scores and their intervals, by table."""

    # The draws behind them are the same for all models that have the same sentences.
    sums_SL3: dict[str, np.ndarray]
    rows: dict[str, list[ScoreRow]]


class ScoredSet(NamedTuple):
    what: GoldSet
    models: list[ScoredModel]
    # Tokens of each sentence.
    length_N: np.ndarray

    @property
    def is_of_equal_tokens(self) -> bool:
        return all(model.gold.is_same_as(self.models[0].gold) for model in self.models[1:])


class TrainingShards(NamedTuple):
    """The shards that the first model was trained on, if they are there."""

    directory: Path
    shards: Index
    # Tokens of each sentence, by split.
    length_N: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ReportData:
    options: ReportOptions
    sets: list[ScoredSet]
    trained_on: TrainingShards | None
    curves: list[LearningCurve]


def gather(options: ReportOptions, reading: Sequence[str] = ()) -> ReportData:
    """Score every model and resample. reading: options of data_prep about reading gold files.

    Raises UserError for files that are absent, damaged or do not match.
    """
    what = gold_sets(options.gold) or [GoldSet(options.split, [])]
    curves = [read_curve(path) for path in options.curve]
    paths = [local_model(model, options.checkpoint) for model in options.models]
    data = {model: training_data(model, options.checkpoint) for model in paths}
    if not options.gold:
        _require_same_data(data)
    names = zip(paths, short_names(paths))
    models = [_Model(options, model, name, data[model]) for model, name in names]
    sets = [_score_set(options, gold_set, models, reading) for gold_set in what]
    return ReportData(options, sets, models[0].training_shards(), curves)


def _require_same_data(found: dict[Path, str | None]) -> None:
    first = next(iter(found))
    other = next((model for model, data in found.items() if data != found[first]), None)
    if other is not None:
        raise UserError(
            f"{first} and {other} were trained on different shards ({_shown(found[first])} and "
            f"{_shown(found[other])}); compare them on annotated files with --gold FILE, or make a report of each"
        )


def _shown(fingerprint: str | None) -> str:
    return "unknown ones" if fingerprint is None else f"{fingerprint[:12]}..."


class _Model:
    """A model of the command line, opened once for each gold set."""

    def __init__(self, options: ReportOptions, path: Path, name: str, trained_on: str | None) -> None:
        self.path, self.name = path, name
        self._options, self._trained_on = options, trained_on
        # Known once it has been opened.
        self.facts: RunFacts
        self._own: tuple[Path, Index] | None = None
        self._seen: SeenInTraining | None = None

    def open_on_split(self) -> OpenedModel:
        options = self._options
        found = open_model(
            self.path,
            options.split,
            checkpoint=options.checkpoint,
            shards=options.shards,
            device=options.device,
            comm=Solo(),
        )
        self._own = found.opened.shards, found.opened.index
        return self._note(found)

    def open_on_gold(self, directory: Path) -> OpenedModel:
        options = self._options
        found = open_on_gold(self.path, directory, checkpoint=options.checkpoint, device=options.device, comm=Solo())
        return self._note(found)

    def _note(self, model: OpenedModel) -> OpenedModel:
        self.facts = read_facts(self.path, self.name, model.origin, model.opened.config, self._trained_on)
        return model

    def training_shards(self) -> TrainingShards | None:
        own = self._own or self._find_own()
        return None if own is None else TrainingShards(*own, read_lengths(*own))

    def _find_own(self) -> tuple[Path, Index] | None:
        if self._trained_on is None:
            return None
        directory = find_shards(self._options.shards or self.facts.config.data.shards)
        if directory is None:
            return None
        index = read_index(directory)
        return (directory, index) if index.fingerprint() == self._trained_on else None

    def seen_in_training(self, index: Index) -> SeenInTraining:
        """index: of what is scored, whose ids are the model's."""
        if self._seen is None:
            own = self._own or self._find_own()
            self._seen = seen_by_ids(index) if own is None else read_seen_in_training(*own)
        return self._seen


def _score_set(options: ReportOptions, what: GoldSet, models: list[_Model], reading: Sequence[str]) -> ScoredSet:
    if what.is_split:
        counted = [_count(model, model.open_on_split()) for model in models]
    else:
        counted = _count_on_gold(options, what, models, reading)
    is_same = all(model.gold.is_same_as(counted[0].gold) for model in counted)
    tallies = [model.tallies for model in counted]
    together = [tallies] if is_same else [[of_model] for of_model in tallies]
    sums = [of_model for some in together for of_model in resample(some, options.samples, options.seed)]
    scored = []
    for model, sums_SL3 in zip(counted, sums):
        rows = {name: score_rows(tally, sums_SL3[name]) for name, tally in model.tallies.items()}
        scored.append(ScoredModel(**vars(model), sums_SL3=sums_SL3, rows=rows))
    return ScoredSet(what, scored, counted[0].gold.length_N)


def _count_on_gold(
    options: ReportOptions, what: GoldSet, models: list[_Model], reading: Sequence[str]
) -> list[CountedModel]:
    """Models of the same vocabularies share the shards that are built of the files."""
    built: dict[str, Path] = {}
    counted = []
    with ExitStack() as stack:
        for model in models:
            key = read_like(model.path, options.checkpoint).fingerprint()
            if key not in built:
                made = gold_shards(model.path, options.checkpoint, what.files, reading, Solo())
                built[key] = stack.enter_context(made)
            counted.append(_count(model, model.open_on_gold(built[key])))
    return counted


def _count(model: _Model, found: OpenedModel) -> CountedModel:
    opened, split = found.opened, found.split
    gold = read_gold_split(opened.shards, opened.index, split)
    judged = predict(opened, split, gold, model.name)
    tallies = tally_all(gold, judged, model.seen_in_training(opened.index))
    records = None
    if judged.raw_span_E4 is not None:
        records = count_records(opened, split, gold, tallies["entity"], judged.raw_span_E4)
    return CountedModel(model.facts, gold, opened.index, found.unknown_types, judged, tallies, records)
