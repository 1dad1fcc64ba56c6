"""A checkpoint and one split of the shards that it was trained on, opened to be scored; imports MXNet."""

from __future__ import annotations

from pathlib import Path

from ner_dist.contract.shard_format import read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.data.raw_rows import open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.evaluation.score_split import OpenedSplit
from ner_dist.ranks.comm import Comm, on_every_rank, on_rank_0
from ner_dist.run import calibration, checkpoint
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.restore import restore
from ner_dist.stores.addresses import Address


def open_checkpoint(
    place: Path, split: str, shards: Path | Address | None, device: str, comm: Comm
) -> tuple[Checkpoint, OpenedSplit]:
    """Load the checkpoint at this place and this rank's shards of the split; every rank must call it.

    shards: where they are now, if not where the run found them. Raises UserError on every rank if anything is absent,
    damaged, or of other data than the run's.
    """
    saved, temperature = on_rank_0(comm, lambda: (checkpoint.load(place), calibration.temperature(place)))

    def open_all() -> OpenedSplit:
        directory = shard_folder(shards or saved.config.data.shards)
        index = read_index(directory)
        checkpoint.require_scorable(saved, index, directory, place)
        part = (saved.config, index, split, directory, comm.num_ranks, comm.rank)
        reader = open_split(*part)
        network = restore(saved, checkpoint.find(place), device)
        network.temperature = temperature
        return OpenedSplit(network, saved.config, index, directory, reader, open_texts(*part, reader))

    return saved, on_every_rank(comm, open_all)
