"""Runs and shards -> all that the page shows, in plain data: the order of the work, and what the runs must agree on.

Axes: L labels of a table, 3 counts, S draws, N sentences.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ner_dist.contract.shard_format import Index, read_index
from ner_dist.errors import UserError
from ner_dist.evaluation.open_run import open_run
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.answers import Answers, ask
from ner_dist.reporting.bootstrap import Row, resample, rows
from ner_dist.reporting.corpus import Corpus, read_lengths, read_split, read_training
from ner_dist.reporting.run_facts import RunFacts, read_facts, short_names
from ner_dist.reporting.tallies import Tally, tally_all
from ner_dist.run import checkpoint


class Wanted(NamedTuple):
    """What was asked for on the command line."""

    runs: list[Path]
    split: str
    checkpoint: str
    shards: Path | None
    device: str
    # Of the bootstrap.
    samples: int
    seed: int


class Judged(NamedTuple):
    """A run and what it says of the split."""

    facts: RunFacts
    answers: Answers
    # By table; sums_SL3 are those of the draws, which are the same for all runs.
    tallies: dict[str, Tally]
    sums_SL3: dict[str, np.ndarray]
    rows: dict[str, list[Row]]


@dataclasses.dataclass(frozen=True)
class Gathered:
    wanted: Wanted
    corpus: Corpus
    index: Index
    shards: Path
    # Tokens of each sentence, by split.
    length_N: dict[str, np.ndarray]
    runs: list[Judged]


def require_same_data(runs: list[Path], name: str) -> None:
    """Raises UserError if the runs were not trained on one set of shards; nothing large is read for it."""
    found = {run: read_index(checkpoint.find(run / "checkpoints" / name)).fingerprint() for run in runs}
    other = next((run for run in runs if found[run] != found[runs[0]]), None)
    if other is not None:
        raise UserError(
            f"{runs[0]} and {other} were trained on different shards ({found[runs[0]][:12]}... and "
            f"{found[other][:12]}...); name runs of the same shards, or make a report of each"
        )


def gather(wanted: Wanted) -> Gathered:
    """Score every run and draw the resamples. Raises UserError for what is absent, damaged or does not fit."""
    require_same_data(wanted.runs, wanted.checkpoint)
    names = short_names(wanted.runs)
    parts: list[tuple[RunFacts, Answers]] = []
    corpus = None
    for run, name in zip(wanted.runs, names):
        opened = open_run(run, wanted.checkpoint, wanted.split, wanted.shards, wanted.device, Solo())
        index, shards = opened.index, opened.shards
        corpus = corpus or read_split(shards, index, wanted.split)
        facts = read_facts(run, name, wanted.checkpoint, opened.saved)
        parts.append((facts, ask(opened, corpus, name)))
    assert corpus is not None
    training = read_training(shards, index)
    tallies = [tally_all(corpus, answers, training) for _, answers in parts]
    sums = resample(tallies, wanted.samples, wanted.seed)
    judged = [
        Judged(facts, answers, tally, sums_SL3, {table: rows(tally[table], sums_SL3[table]) for table in tally})
        for (facts, answers), tally, sums_SL3 in zip(parts, tallies, sums)
    ]
    return Gathered(wanted, corpus, index, shards, read_lengths(shards, index), judged)
