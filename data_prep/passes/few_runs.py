"""Runs of counts, of as many parts as a corpus has -> so few that one process can merge them; the workers do it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.merge_counts import FAN_IN, merge_counts, merge_runs
from data_prep.encoders.words import write_word_runs
from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import CorpusPart, PartTokens
from ner_dist.engines.executor import Advance, Executor


class _MergeTask(NamedTuple):
    runs: Sequence[Path]
    path: Path


class _TokensTask(NamedTuple):
    tokens: Carried[PartTokens]
    # The beginning of the names of what is written.
    path: Path


def _merge(task: _MergeTask, advance: Advance) -> Path:
    merge_runs(task.runs, task.path)
    return task.path


def few_runs(runs: Sequence[Path], stage: str, folder: Path, executor: Executor) -> Sequence[Path]:
    """At most FAN_IN runs with the same counts. stage: a name of its own; folder: for intermediate files."""
    level = 0
    while len(runs) > FAN_IN:
        groups = [runs[begin : begin + FAN_IN] for begin in range(0, len(runs), FAN_IN)]
        tasks = [_MergeTask(group, folder / f"{stage}-{level}-{number}") for number, group in enumerate(groups)]
        runs, level = executor.run(f"{stage}-{level}", _merge, tasks), level + 1
    return runs


def _token_runs(task: _TokensTask, advance: Advance) -> list[Path]:
    token_V = task.tokens.get().token_V
    return write_word_runs(task.path, token_V, np.ones(len(token_V), np.int64))


def num_distinct_tokens(parts: Sequence[CorpusPart], folder: Path, executor: Executor) -> int:
    """How many different tokens all parts together have."""
    tasks = [_TokensTask(part.tokens, folder / f"distinct-{number}") for number, part in enumerate(parts)]
    runs = [path for paths in executor.run("distinct", _token_runs, tasks) for path in paths]
    return merge_counts(few_runs(runs, "distinct-merged", folder, executor), max_texts=0).num_texts
