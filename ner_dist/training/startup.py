"""What one rank needs before the first step: its shards, a learner with initial parameters, and word dropout.

Every rank must call each function, and all of them get JobError if any could not do its part.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, read_index, read_vocab
from ner_dist.contract.shard_place import shard_folder
from ner_dist.data.raw_rows import SplitTexts, open_texts
from ner_dist.data.shard_reader import ShardReader, open_splits
from ner_dist.errors import UserError
from ner_dist.model import cnn_bilstm
from ner_dist.model.initial_values import initial_embeddings, initial_parameters
from ner_dist.ranks.comm import Comm, on_every_rank, on_rank_0
from ner_dist.ranks.device_agreement import agree_on_device, same_norms
from ner_dist.ranks.environment import choose_device
from ner_dist.stores.addresses import is_address
from ner_dist.stores.mirror import publication
from ner_dist.training.begin_from import Origin, with_names
from ner_dist.training.carry_over import carry_over
from ner_dist.training.elastic import Kept
from ner_dist.training.objective import class_weights
from ner_dist.training.step import Learner
from ner_dist.training.word_dropout import WordDropout


def shards_here(config: Config, comm: Comm, kept: Kept) -> Config:
    """The configuration with the shards' folder on this host in place of their address, if they are in a store.

    All ranks go on with the build that rank 0 has begun with, also if another is published meanwhile.
    """
    address = config.data.shards
    if not is_address(address):
        return config
    build = on_rank_0(comm, lambda: publication(kept.shards or shard_folder(address)))
    kept.shards = on_every_rank(comm, lambda: kept.shards or shard_folder(build))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, shards=str(kept.shards)))


def open_shards(config: Config, comm: Comm) -> tuple[Index, dict[str, ShardReader]]:
    """The index, and this rank's readers of what is trained on (train or train+dev), dev, and test if there is one."""

    def read() -> tuple[Index, dict[str, ShardReader]]:
        index = read_index(config.data.shards)
        for split in ("train", "dev"):
            if split not in index.splits:
                raise UserError(f"{config.data.shards}: has no {split} split, which training needs; rebuild the shards")
        _require_dev_entities(config, index)
        wanted = [config.data.train_on, "dev"]
        if "test" in index.splits and config.train.score_test:
            wanted.append("test")
        return index, open_splits(config, index, wanted, config.data.shards, comm.num_ranks, comm.rank)

    return on_every_rank(comm, read)


def _require_dev_entities(config: Config, index: Index) -> None:
    """Raises UserError if no epoch can be the best, because there is nothing in dev to find."""
    if config.train.keep == "best" and not sum(index.stats["dev"]["entities"].values()):
        raise UserError(
            f"{config.data.shards}: none of the {index.num_sentences('dev'):,} sentences of dev has an entity, so dev "
            "F1 would be 0 in every epoch and could not tell which is the best; rebuild the shards with a dev file "
            "that has entities, or with another --split or --seed, or keep the last epoch with --train.keep last"
        )


def open_scored_texts(
    config: Config, index: Index, readers: dict[str, ShardReader], comm: Comm
) -> dict[str, SplitTexts | None]:
    """What the final scores of dev and test over characters need; None where the shards have no texts."""

    def read() -> dict[str, SplitTexts | None]:
        part = (config.data.shards, comm.num_ranks, comm.rank)
        scored = [split for split in ("dev", "test") if split in readers]
        return {split: open_texts(config, index, split, *part, readers[split]) for split in scored}

    return on_every_rank(comm, read)


def new_word_dropout(config: Config, index: Index, comm: Comm) -> WordDropout:
    counts = on_every_rank(comm, lambda: read_vocab(config.data.shards, index, "word")["counts"])
    return WordDropout(config.model, config.train.seed, np.array(counts, np.int64))


def new_learner(
    config: Config, index: Index, comm: Comm, kept: Learner | None = None, origin: Origin | None = None
) -> Learner:
    """A learner at the start of training, the same on every rank; or the one that a rank has kept.

    origin: what training begins from, where it has a counterpart, instead of values that are drawn.
    """

    def build() -> Learner:
        tagger = cnn_bilstm.build_tagger(config, index, choose_device(config.train.device))
        parameters = initial_parameters(tagger, config.model, config.train.seed)
        words = initial_embeddings(config, index, config.data.shards)
        if origin is not None:
            trained_LD = words.weight_VD[: len(words.pretrained_L)]
            drawn = with_names(config, index, Path(config.data.shards), parameters, trained_LD)
            parameters, trained_LD[:] = carry_over(origin.model, drawn)
        cnn_bilstm.set_parameters(tagger, parameters)
        return Learner(tagger, words, config, class_weights(config.loss, index), comm)

    learner = on_every_rank(comm, lambda: kept or build())
    agree_on_device(comm, learner.context)
    learner.shares_norm = not same_norms(comm, learner.context)
    return learner
