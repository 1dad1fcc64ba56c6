"""Time training steps on this job's ranks: one JSON line with tokens/s and padding; takes the knobs of ner_dist.train.

OMP_NUM_THREADS=1 horovodrun -np 2 python -m bench.speed.step_speed --data.shards data/conll2003
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional

from bench.speed.measurement import measure_rank
from ner_dist.config import Config
from ner_dist.training.epoch_windows import epoch_windows
from ner_dist.training.word_exchange import GlobalStep

if TYPE_CHECKING:
    from ner_dist.data.batch import Batch
    from ner_dist.ranks.comm import Comm
    from ner_dist.training.step import Learner

WARM_UP_STEPS, TIMED_STEPS = 32, 128

# What Learner.step takes: this rank's batch, what all ranks know of the step, the epoch, and the step's number in it.
ExchangedStep = tuple[Optional["Batch"], GlobalStep, int, int]


class RankTraining:
    """What a rank trains with, at the start of training, and the steps of its epochs. Imports MXNet."""

    def __init__(self, settings: Config, comm: Comm) -> None:
        from ner_dist.training import startup

        self._settings, self._comm = settings, comm
        self.index, self.splits = startup.open_shards(settings, comm)
        self.learner: Learner = startup.new_learner(settings, self.index, comm)
        self._word_dropout = startup.new_word_dropout(settings, self.index, comm)

    def epoch(self, epoch: int) -> Iterator[ExchangedStep]:
        # Late, so that bench.speed.step_parts can put its clock around the function.
        from ner_dist.training.word_exchange import exchange_word_ids

        reader = self.splits[self._settings.data.train_on]
        for window in epoch_windows(self._settings, self.index, reader, self._word_dropout, self._comm, epoch):
            for (step, batch), of_all in zip(window, exchange_word_ids(self._comm, [batch for _, batch in window])):
                yield batch, of_all, epoch, step.step_id

    def endless(self) -> Iterator[ExchangedStep]:
        """Epoch after epoch: one may have fewer steps than are timed."""
        return itertools.chain.from_iterable(map(self.epoch, itertools.count()))

    def train(self, steps: Iterator[ExchangedStep], num_steps: int) -> tuple[int, int]:
        """Take the next steps; returns the numbers of their tokens and of their token slots, padding included."""
        tokens = slots = 0
        for step in itertools.islice(steps, num_steps):
            self.learner.step(*step, self._settings.optimizer.learning_rate)
            tokens, slots = tokens + step[1].num_tokens, slots + step[1].num_slots
        return tokens, slots


def _time_steps(settings: Config, comm: Comm) -> dict[str, float]:
    training = RankTraining(settings, comm)
    steps = training.endless()
    training.train(steps, WARM_UP_STEPS)
    began_s = time.perf_counter()
    tokens, slots = training.train(steps, TIMED_STEPS)
    return {"tokens_per_second": tokens / (time.perf_counter() - began_s), "padding": 1 - tokens / slots}


if __name__ == "__main__":
    measure_rank(_time_steps)
