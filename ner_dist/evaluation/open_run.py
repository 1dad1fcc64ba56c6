"""A run's checkpoint and one split of its shards, opened to be scored; evaluate and report begin with it.

Axes: V words, D word units.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ner_dist.contract.shard_format import Index, read_index
from ner_dist.data.shard_reader import ShardReader, open_split
from ner_dist.data.step_plan import owned_shards
from ner_dist.errors import UserError
from ner_dist.model import cnn_bilstm
from ner_dist.ranks.comm import Horovod, Solo, on_every_rank, on_rank_0
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.restore import trained


@dataclasses.dataclass(frozen=True)
class ScoredRun:
    """What scoring.predictions needs, and where it came from."""

    saved: Checkpoint
    index: Index
    shards: Path
    # This rank's.
    sentences: ShardReader
    tagger: cnn_bilstm.CnnBiLstm
    weight_VD: np.ndarray


def open_run(run: Path, name: str, split: str, shards: Path | None, device: str, comm: Solo | Horovod) -> ScoredRun:
    """Load a checkpoint of the run ("best" or "last") and this rank's shards of the split; every rank must call it.

    shards: where they lie now, if not where the run found them. Raises UserError on every rank if any of it is absent,
    damaged, or of other data than the run's.
    """
    place = run / "checkpoints" / name
    saved = on_rank_0(comm, lambda: checkpoint.load(place))
    directory = shards or Path(saved.config.data.shards)

    def opened() -> ScoredRun:
        index = read_index(directory)
        checkpoint.require_same_data(saved, index, directory, place)
        if split not in index.splits:
            raise UserError(f"{directory}: has no {split} split, only {', '.join(index.splits)}")
        owned = owned_shards(len(index.splits[split]), comm.num_ranks, comm.rank)
        sentences = open_split(saved.config, index, split, owned, directory)
        tagger, weight_VD = trained(saved, checkpoint.find(place), device)
        return ScoredRun(saved, index, directory, sentences, tagger, weight_VD)

    return on_every_rank(comm, opened)
