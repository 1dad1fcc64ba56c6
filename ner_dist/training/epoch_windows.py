"""This rank's batches of an epoch, a window of steps at a time: the steps whose word ids are exchanged together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader, train_chapters, train_rows
from ner_dist.data.step_plan import Step, epoch_steps
from ner_dist.ranks.comm import Comm
from ner_dist.training.word_dropout import WordDropout

WINDOW_STEPS = 16


def epoch_windows(
    config: Config,
    index: Index,
    reader: ShardReader,
    word_dropout: WordDropout,
    comm: Comm,
    epoch: int,
    first_step: int = 0,
) -> Iterator[list[tuple[Step, Batch | None]]]:
    """The epoch's steps from first_step on, each with this rank's batch; None where it has no sentences.

    All ranks get the same number of windows with the same number of steps. Exchanges nothing.
    """
    rows_SB, chapters = train_rows(config, index), train_chapters(config, index)
    size, seed = config.train.batch_sentences, config.train.seed
    steps = epoch_steps(rows_SB, size, seed, epoch, comm.num_ranks, comm.rank, first_step, chapters)
    for chapter, steps_of_chapter in itertools.groupby(steps, lambda step: step.chapter):
        reader.load_chapter(epoch, chapter)
        while window := list(itertools.islice(steps_of_chapter, WINDOW_STEPS)):
            batches = [reader.step_batch(step) for step in window]
            yield [(step, b and word_dropout.apply(b, epoch, step.step_id)) for step, b in zip(window, batches)]
