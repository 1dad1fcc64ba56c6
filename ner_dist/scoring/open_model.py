"""A run or an export opened to be scored: on a split of its own shards, or on shards that were built like it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ner_dist.evaluation.score_split import OpenedSplit
from ner_dist.ranks.comm import Comm


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    opened: OpenedSplit
    # For people: "best checkpoint, epoch 12", or "export of the best checkpoint, epoch 12".
    origin: str
    # The types that the model predicts. They come first in opened.index.entity_types, which may have more.
    model_types: list[str]


def open_model(
    model: Path,
    split: str,
    *,
    checkpoint: str = "best",
    shards: Path | None = None,
    device: str = "auto",
    comm: Comm,
) -> OpenedModel:
    """Open a model on a split of the shards that it was trained on; every rank must call it.

    model: directory of a run, of a checkpoint or of an export. checkpoint: of a run, "best" or "last". shards: where
    its shards are now, if they have moved. Raises UserError on every rank.
    """
    raise NotImplementedError


def open_on_gold(
    model: Path, directory: Path, *, checkpoint: str = "best", device: str = "auto", comm: Comm
) -> OpenedModel:
    """Open a model on the test split of a shard set that was built like it (gold_shards.py); every rank must call it.

    Raises UserError on every rank if the set was built like another model.
    """
    raise NotImplementedError
