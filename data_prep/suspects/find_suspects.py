"""Where the gold of a corpus is probably wrong, by taggers that are trained on the rest of it.

pool                all files -> sentences that are free of errors
folds, fold_shards  sentences -> folds -> a shard set for each fold
fold_training       a tagger for each, in processes of their own -> what it says of its fold
disagreements       that against the gold -> suspects, the surest first
report_suspect      suspects -> warnings
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Optional

import numpy as np

from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from data_prep.sources.text_source import Progress
from data_prep.suspects.disagreements import KINDS, Suspects
from data_prep.suspects.fold_shards import build_fold, type_of, write_folds
from data_prep.suspects.fold_training import num_epochs, predictions
from data_prep.suspects.folds import assign_folds, group_sentences
from data_prep.suspects.pool import Pool, read_pool
from data_prep.suspects.report_suspect import report_suspect
from ner_dist.cli.interrupts import terminate_like_interrupt

# Makes a progress bar of a total, a unit and a name.
Bars = Callable[[Optional[int], str, str], AbstractContextManager[Progress]]
# Folds are drawn and trained on so many times: two taggers that agree are much more often right than one.
REPETITIONS = 2
LEAST_IN_FOLD = 20
# Of the entities. Taggers that contradict more of them than people get wrong contradict for lack of training.
MOST_SHARE = 0.05


def find_suspects(
    sources: Sources, settings: Settings, num_suspects: int, num_folds: int, problems: Problems, bars: Bars
) -> None:
    """Warn of up to `num_suspects` places, the surest first. Sentences with errors are left out, and not reported.

    Raises CorpusError if there are too few sentences, and ChildError if a training fails.
    """
    with bars(None, "B", "read again") as reading:
        pool = read_pool(sources, settings, reading)
    used = [pool.sentences[number] for number in pool.usable]
    _require_enough(len(used), pool, num_folds)
    documents = [
        (sentence.origin.document or (sentence.source, sentence.document)) if sentence.document else None
        for sentence in used
    ]
    group_N = group_sentences(documents, [tuple(sentence.tokens) for sentence in used], num_folds)
    suspects = Suspects(REPETITIONS, partial(type_of, pool=pool))
    num_sentences = len(used) * (num_folds - 1) // num_folds
    total = REPETITIONS * num_folds * num_epochs(num_sentences)
    with (
        terminate_like_interrupt(),
        tempfile.TemporaryDirectory(prefix="data-prep-suspects-") as name,
        bars(total, " epochs", "train") as training,
    ):
        folds = []
        for repetition in range(REPETITIONS):
            folder = Path(name) / f"repetition-{repetition}"
            folder.mkdir()
            fold_N = assign_folds(group_N, num_folds, (settings.seed, repetition))
            _require_entities(fold_N, [bool(sentence.gold) for sentence in used], num_folds)
            paths = write_folds(folder, pool, pool.usable, fold_N)
            folds += [partial(build_fold, paths, fold, settings) for fold in range(num_folds)]
        with closing(predictions(folds, num_sentences, settings.seed, Path(name), training)) as found:
            for path in found:
                suspects.add(path)
    problems.all_shown |= KINDS
    most = math.ceil(MOST_SHARE * sum(len(sentence.gold) for sentence in used))
    for suspect in suspects.ranked(min(num_suspects, most)):
        report_suspect(suspect, pool, problems)


def _require_enough(num_used: int, pool: Pool, num_folds: int) -> None:
    if num_used < LEAST_IN_FOLD * num_folds:
        without = len(pool.sentences) - num_used
        found = f"{num_used} sentences{f' without errors ({without} with)' if without else ''}"
        raise CorpusError(
            f"{pool.names[0]}: --suspects needs at least {LEAST_IN_FOLD} sentences for each of {num_folds} folds, and "
            f"there are {found}; use a larger corpus, or check without --suspects"
        )


def _require_entities(fold_N: np.ndarray, has_entities: list[bool], num_folds: int) -> None:
    """A tagger needs entities to learn from, and its fold some to be scored by."""
    num_F = np.bincount(fold_N[has_entities], minlength=num_folds)
    if not num_F.all():
        raise CorpusError(
            f"--suspects needs entities in each of {num_folds} folds, and only {len(set(np.flatnonzero(num_F)))} have "
            "some; use fewer with --folds, or check without --suspects"
        )
