"""The steps of an epoch as the training loop takes them, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import Step
from ner_dist.training.epoch_windows import epoch_windows
from ner_dist.training.word_dropout import WordDropout
from ner_dist.training.word_exchange import GlobalStep, exchange_word_ids


def exchanged_steps(
    settings: Config,
    index: Index,
    reader: ShardReader,
    word_dropout: WordDropout,
    comm: Any,
    epoch: int,
    first_step: int = 0,
) -> Iterator[tuple[Step, Batch | None, GlobalStep]]:
    """(step, this rank's batch, what all ranks know of the step)."""
    for window in epoch_windows(settings, index, reader, word_dropout, comm, epoch, first_step):
        for (step, batch), global_step in zip(window, exchange_word_ids(comm, [batch for _, batch in window])):
            yield step, batch, global_step
