"""Puts one rank's parts together: its shards, a learner with initial parameters, and the stream of its steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from launch.environment import choose_device
from ner_dist import model, selection
from ner_dist.batches import Batch
from ner_dist.chapters import num_chapters
from ner_dist.checkpoint import Checkpoint
from ner_dist.comm import Horovod, Solo, agree_on_device, on_every_rank
from ner_dist.config import Config
from ner_dist.errors import UserError
from ner_dist.loss_weights import class_weights
from ner_dist.plan import Step, epoch_steps, owned_shards
from ner_dist.reader import Sentences
from ner_dist.shard_format import Index, read_index, read_vectors, read_vocab
from ner_dist.step import Learner, Shared
from ner_dist.unknown import Hiding
from ner_dist.word_table import InitialWords, initial_words

# Steps whose words the ranks announce to each other in one exchange.
_STEPS_AHEAD = 16


def open_shards(config: Config, comm: Solo | Horovod) -> tuple[Index, dict[str, Sentences]]:
    """The index and this rank's sentences of every split, and of train+dev if that is what is trained on.

    Every rank must call it; JobError if any could not.
    """

    def read() -> tuple[Index, dict[str, Sentences]]:
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


def open_split(config: Config, index: Index, split: str, owned: list[int], shards: str | Path) -> Sentences:
    return Sentences(
        shards,
        index,
        split,
        owned,
        config.model.char_width // 2,
        selection.num_words(config.model, index),
        num_chapters(index, split, config.data.memory_mb),
        config.train.seed,
    )


def new_hiding(config: Config, index: Index, comm: Solo | Horovod) -> Hiding:
    """What training takes for unknown. Every rank must call it."""
    counts = on_every_rank(comm, lambda: read_vocab(config.data.shards, index, "word")["counts"])
    return Hiding(config.model, config.train.seed, np.array(counts, np.int64))


def first_words(config: Config, index: Index, directory: str | Path) -> InitialWords:
    """The word embeddings before training. directory: of the shards, or of a checkpoint, which has the vectors, too."""
    vectors_VD = read_vectors(directory, index) if selection.uses_vectors(config.model, index) else None
    num_words, units = selection.num_words(config.model, index), selection.word_units(config.model, index)
    num_learnt = num_words if index.vectors is None else index.vectors.first_unseen
    return initial_words(num_words, units, config.train.seed, vectors_VD, num_learnt)


def new_learner(config: Config, index: Index, comm: Solo | Horovod) -> Learner:
    """A learner at the start of training, the same on every rank. Every rank must call it."""

    def build() -> Learner:
        tagger = model.build(config, index, choose_device(config.train.device))
        model.set_parameters(tagger, model.initial_parameters(tagger, config.model, config.train.seed))
        words = first_words(config, index, config.data.shards)
        return Learner(tagger, words, config, class_weights(config.loss, index), comm)

    learner = on_every_rank(comm, build)
    agree_on_device(comm, learner.context)
    return learner


def trained(saved: Checkpoint, directory: str | Path, device: str) -> tuple[model.Tagger, np.ndarray]:
    """The tagger of a checkpoint, and its word embeddings (V, D); directory: of the checkpoint."""
    tagger = model.build(saved.config, saved.index, choose_device(device))
    model.set_parameters(tagger, saved.parameters())
    weight_VD = first_words(saved.config, saved.index, directory).weight_VD
    weight_VD[: len(saved.words())] = saved.words()
    return tagger, weight_VD


def train_rows(config: Config, index: Index) -> np.ndarray:
    """Sentences of each training shard in each bucket, (S, B): the geometry that the plan works on."""
    parts = [index.splits[split] for split in config.data.train_on.split("+")]
    return sum(np.array([shard.rows for shard in shards], np.int64) for shards in parts)  # type: ignore[return-value]


def train_chapters(config: Config, index: Index) -> int:
    """Chapters of an epoch of training: of the data and the knob alone, as the order of the sentences depends on it."""
    return num_chapters(index, config.data.train_on, config.data.memory_mb)


def train_steps(
    config: Config,
    index: Index,
    sentences: Sentences,
    hiding: Hiding,
    learner: Learner,
    comm: Solo | Horovod,
    epoch: int,
    first_step: int,
) -> Iterator[tuple[Step, Batch | None, Shared]]:
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
            batches = [batch and hiding.hide(batch, epoch, step.step_id) for step, batch in zip(ahead, batches)]
            yield from zip(ahead, batches, learner.announce(batches))
