"""The vocabularies of any trained model or shard set, read from its files alone, to prepare new data in the same way."""

from __future__ import annotations

from pathlib import Path

from ner_dist.contract.vocabularies import Vocabularies


def read_like(model: Path, checkpoint: str = "best") -> Vocabularies:
    """model: directory of a run, of a checkpoint, of an export, or of shards. checkpoint: of a run, "best" or "last".

    The features are those that the model uses; of shards, all. Raises UserError if the directory is none of these, or
    damaged.
    """
    raise NotImplementedError
