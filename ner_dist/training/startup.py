"""Puts one rank's parts together: its shards, a learner with initial parameters, and the stream of its steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index, read_vocab
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader, open_split, train_chapters, train_rows
from ner_dist.data.step_plan import Step, epoch_steps, owned_shards
from ner_dist.errors import UserError
from ner_dist.model import cnn_bilstm
from ner_dist.model.initial_parameters import initial_parameters
from ner_dist.model.word_vectors import first_words
from ner_dist.ranks.comm import Horovod, Solo, agree_on_device, on_every_rank
from ner_dist.ranks.environment import choose_device
from ner_dist.training.objective import class_weights
from ner_dist.training.step import GlobalStep, Learner
from ner_dist.training.word_dropout import WordDropout

# Steps whose words the ranks announce to each other in one exchange.
_STEPS_AHEAD = 16


def open_shards(config: Config, comm: Solo | Horovod) -> tuple[Index, dict[str, ShardReader]]:
    """The index and this rank's sentences of every split, and of train+dev if that is what is trained on.

    Every rank must call it; JobError if any could not.
    """

    def read() -> tuple[Index, dict[str, ShardReader]]:
        index = read_index(config.data.shards)
        for split in ("train", "dev"):
            if split not in index.splits:
                raise UserError(f"{config.data.shards}: has no {split} split, which training needs; rebuild the shards")
        owned = owned_shards(len(index.splits["train"]), comm.num_ranks, comm.rank)
        wanted = [config.data.train_on, "dev"]
        if "test" in index.splits and config.train.score_test:
            wanted.append("test")
        splits = {split: open_split(config, index, split, owned, config.data.shards) for split in wanted}
        return index, splits

    return on_every_rank(comm, read)


def new_word_dropout(config: Config, index: Index, comm: Solo | Horovod) -> WordDropout:
    """What training takes for unknown. Every rank must call it."""
    counts = on_every_rank(comm, lambda: read_vocab(config.data.shards, index, "word")["counts"])
    return WordDropout(config.model, config.train.seed, np.array(counts, np.int64))


def new_learner(config: Config, index: Index, comm: Solo | Horovod) -> Learner:
    """A learner at the start of training, the same on every rank. Every rank must call it."""

    def build() -> Learner:
        tagger = cnn_bilstm.build(config, index, choose_device(config.train.device))
        cnn_bilstm.set_parameters(tagger, initial_parameters(tagger, config.model, config.train.seed))
        words = first_words(config, index, config.data.shards)
        return Learner(tagger, words, config, class_weights(config.loss, index), comm)

    learner = on_every_rank(comm, build)
    agree_on_device(comm, learner.context)
    return learner


def train_steps(
    config: Config,
    index: Index,
    sentences: ShardReader,
    word_dropout: WordDropout,
    learner: Learner,
    comm: Solo | Horovod,
    epoch: int,
    first_step: int,
) -> Iterator[tuple[Step, Batch | None, GlobalStep]]:
    """The epoch's steps from first_step on: this rank's batch, and what the ranks have told each other of the step."""
    train = config.train
    rows_SB, chapters = train_rows(config, index), train_chapters(config, index)
    steps = epoch_steps(
        rows_SB, train.batch_sentences, train.seed, epoch, comm.num_ranks, comm.rank, first_step, chapters
    )
    for chapter, steps_of_chapter in itertools.groupby(steps, lambda step: step.chapter):
        sentences.hold(epoch, chapter)
        while ahead := list(itertools.islice(steps_of_chapter, _STEPS_AHEAD)):
            batches = [sentences.step_batch(step) for step in ahead]
            batches = [batch and word_dropout.apply(batch, epoch, step.step_id) for step, batch in zip(ahead, batches)]
            yield from zip(ahead, batches, learner.exchange_word_ids(batches))
