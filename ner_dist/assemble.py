"""Puts one rank's parts together: its shards, a learner with initial parameters, and the stream of its steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from launch.environment import choose_device
from ner_dist import model
from ner_dist.comm import Horovod, Solo, on_every_rank
from ner_dist.config import Config
from ner_dist.errors import UserError
from ner_dist.loss_weights import class_weights
from ner_dist.plan import Step, epoch_steps, owned_shards
from ner_dist.reader import Batch, Sentences
from ner_dist.shard_format import Index, read_index
from ner_dist.step import Learner, Shared
from ner_dist.word_table import initial_words

# Steps whose words the ranks announce to each other in one exchange.
_STEPS_AHEAD = 16


def open_shards(config: Config, comm: Solo | Horovod) -> tuple[Index, dict[str, Sentences]]:
    """The index and this rank's sentences of every split. Every rank must call it; JobError if any could not."""

    def read() -> tuple[Index, dict[str, Sentences]]:
        index = read_index(config.data.shards)
        for split in ("train", "dev"):
            if split not in index.splits:
                raise UserError(f"{config.data.shards}: has no {split} split, which training needs; rebuild the shards")
        splits = {}
        for split, shards in index.splits.items():
            owned = owned_shards(len(shards), comm.num_ranks, comm.rank)
            splits[split] = Sentences(config.data.shards, index, split, owned, config.model.char_width // 2)
        return index, splits

    return on_every_rank(comm, read)


def new_learner(config: Config, index: Index, comm: Solo | Horovod) -> Learner:
    """A learner at the start of training, the same on every rank. Every rank must call it."""

    def build() -> Learner:
        tagger = model.build(config.model, index, choose_device(config.train.device))
        model.set_parameters(tagger, model.initial_parameters(tagger, config.model, config.train.seed))
        words_VD = initial_words(index.vocab["word"].num_values, config.model.word_units, config.train.seed)
        return Learner(tagger, words_VD, config, class_weights(config.loss, index), comm)

    return on_every_rank(comm, build)


def train_rows(index: Index) -> np.ndarray:
    """Sentences of each training shard in each bucket, (S, B): the geometry that the plan works on."""
    return np.array([shard.rows for shard in index.splits["train"]], np.int64)


def train_steps(
    config: Config,
    index: Index,
    sentences: Sentences,
    learner: Learner,
    comm: Solo | Horovod,
    epoch: int,
    first_step: int,
) -> Iterator[tuple[Step, Batch | None, Shared]]:
    """The epoch's steps from first_step on: this rank's batch, and what the ranks have told each other of the step."""
    train = config.train
    steps = epoch_steps(
        train_rows(index), train.batch_sentences, train.seed, epoch, comm.num_ranks, comm.rank, first_step
    )
    while ahead := list(itertools.islice(steps, _STEPS_AHEAD)):
        batches = [sentences.step_batch(step) for step in ahead]
        yield from zip(ahead, batches, learner.announce(batches))
