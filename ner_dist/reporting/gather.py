"""Runs and shards -> the plain data that the page shows: scores of every run, resampled together.

Axes: L labels of a table, 3 counts, S draws.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index, read_stored_index
from ner_dist.errors import UserError
from ner_dist.evaluation.open_run import open_run
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.bootstrap import ScoreRow, resample, score_rows
from ner_dist.reporting.gold_split import GoldSplit, read_gold_split, read_lengths, read_seen_in_training
from ner_dist.reporting.judged_predictions import JudgedPredictions, predict
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.reporting.run_facts import RunFacts, read_facts, short_names
from ner_dist.reporting.tallies import Tally, tally_all
from ner_dist.run import checkpoint


class JudgedRun(NamedTuple):
    facts: RunFacts
    judged: JudgedPredictions
    # By table. The draws behind sums_SL3 are the same for all runs.
    tallies: dict[str, Tally]
    sums_SL3: dict[str, np.ndarray]
    rows: dict[str, list[ScoreRow]]


@dataclasses.dataclass(frozen=True)
class ReportData:
    options: ReportOptions
    gold: GoldSplit
    index: Index
    shards: Path
    # Tokens of each sentence, by split.
    length_N: dict[str, np.ndarray]
    runs: list[JudgedRun]


def require_same_data(runs: list[Path], name: str) -> None:
    """Raises UserError unless all runs were trained on one shard set; reads only the indexes beside checkpoints."""
    places = {run: checkpoint.find(run / "checkpoints" / name) for run in runs}
    found = {run: read_stored_index(place)[0].fingerprint() for run, place in places.items()}
    other = next((run for run in runs if found[run] != found[runs[0]]), None)
    if other is not None:
        raise UserError(
            f"{runs[0]} and {other} were trained on different shards ({found[runs[0]][:12]}... and "
            f"{found[other][:12]}...); name runs of the same shards, or make a report of each"
        )


def gather(options: ReportOptions) -> ReportData:
    """Score every run and resample. Raises UserError for files that are absent, damaged or do not match."""
    require_same_data(options.runs, options.checkpoint)
    parts: list[tuple[RunFacts, JudgedPredictions]] = []
    gold = None
    for run, name in zip(options.runs, short_names(options.runs)):
        saved, opened = open_run(run, options.checkpoint, options.split, options.shards, options.device, Solo())
        index, shards = opened.index, opened.shards
        gold = gold or read_gold_split(shards, index, options.split)
        parts.append((read_facts(run, name, options.checkpoint, saved), predict(opened, gold, name)))
    assert gold is not None
    seen = read_seen_in_training(shards, index)
    tallies = [tally_all(gold, judged, seen) for _, judged in parts]
    sums = resample(tallies, options.samples, options.seed)
    runs = [
        JudgedRun(facts, judged, tally, sums_SL3, {name: score_rows(tally[name], sums_SL3[name]) for name in tally})
        for (facts, judged), tally, sums_SL3 in zip(parts, tallies, sums)
    ]
    return ReportData(options, gold, index, shards, read_lengths(shards, index), runs)
