"""A run, a checkpoint or an export opened to be scored: on a split of its own shards, or on shards built like it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.export_record import DESCRIPTION_NAME
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.data.batch import Batch
from ner_dist.data.raw_rows import open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.data.used_inputs import used_features
from ner_dist.errors import UserError
from ner_dist.evaluation.score_split import OpenedSplit, ScoredNetwork
from ner_dist.ranks.comm import Comm, on_every_rank
from ner_dist.ranks.environment import require_mxnet
from ner_dist.stores.addresses import Address

# The only split of a set of gold files.
GOLD_SPLIT = "test"


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    opened: OpenedSplit
    split: str
    # For people: "best checkpoint, epoch 12", or "export of the best checkpoint, epoch 12".
    origin: str
    # The types that the model predicts. They come first in opened.index.entity_types, which may have more.
    model_types: list[str]

    @property
    def index(self) -> Index:
        return self.opened.index

    @property
    def unknown_types(self) -> dict[str, int]:
        """The types of the gold that the model does not know, and how many entities each has."""
        entities = self.index.stats[self.split]["entities"]
        return {name: entities[name] for name in self.index.entity_types[len(self.model_types) :]}


def checkpoint_place(model: Path, checkpoint: str) -> Path:
    """model: directory of a run, or of one of its checkpoints."""
    is_checkpoint = (model / "arrays.npz").is_file()
    return model if is_checkpoint else model / "checkpoints" / checkpoint


def is_export(model: Path) -> bool:
    return (model / DESCRIPTION_NAME).is_file()


def open_model(
    model: Path,
    split: str,
    *,
    checkpoint: str = "best",
    shards: Path | Address | None = None,
    device: str = "auto",
    comm: Comm,
) -> OpenedModel:
    """Open a model on a split of the shards that it was trained on; every rank must call it.

    model: directory of a run, of a checkpoint or of an export. checkpoint: of a run, "best" or "last". shards: where
    its shards are now, if they have moved. Raises UserError on every rank.
    """
    if is_export(model):
        return on_every_rank(comm, lambda: _export_on_own_shards(model, split, shards, comm))
    require_mxnet()
    # Late: it imports MXNet, which an export does without.
    from ner_dist.scoring.open_checkpoint import open_checkpoint

    saved, opened = open_checkpoint(checkpoint_place(model, checkpoint), split, shards, device, comm)
    return OpenedModel(
        opened, split, _origin_of_run(model, checkpoint, saved.progress.epoch), opened.index.entity_types
    )


def open_on_gold(
    model: Path, directory: Path, *, checkpoint: str = "best", device: str = "auto", comm: Comm
) -> OpenedModel:
    """Open a model on the test split of a shard set that was built like it (gold_shards.py); every rank must call it.

    Raises UserError on every rank if the set was built like another model.
    """

    def open_all() -> OpenedModel:
        network, vocabularies, config, origin = _export(model) if is_export(model) else _run(model, checkpoint, device)
        index = read_index(directory)
        if index.settings.get("like") != vocabularies.fingerprint():
            raise UserError(f"{directory}: was not built like {model}; build it with --like {model}")
        part = (_reading_config(config, vocabularies), index, GOLD_SPLIT, directory, comm.num_ranks, comm.rank)
        reader = open_split(*part)
        opened = OpenedSplit(network, config, index, directory, reader, open_texts(*part, reader))
        return OpenedModel(opened, GOLD_SPLIT, origin, vocabularies.entity_types)

    return on_every_rank(comm, open_all)


def _run(model: Path, checkpoint: str, device: str) -> tuple[ScoredNetwork, Vocabularies, Config, str]:
    require_mxnet()
    # Late, as above.
    from ner_dist.prediction.mxnet_network import CheckpointNetwork

    network = CheckpointNetwork(checkpoint_place(model, checkpoint), device)
    origin = _origin_of_run(model, checkpoint, network.checkpoint.progress.epoch)
    return network, network.vocabularies, network.checkpoint.config, origin


def _export(model: Path) -> tuple[ScoredNetwork, Vocabularies, Config, str]:
    # Late: onnxruntime is not needed for a run.
    from ner_dist.prediction.onnx_network import OnnxNetwork

    network = OnnxNetwork(model)
    stored = network.origin.get("config")
    config = Config() if stored is None else knobs.from_record(stored, model / DESCRIPTION_NAME)
    return network, network.vocabularies, config, _origin_of_export(network.origin)


def _reading_config(config: Config, vocabularies: Vocabularies) -> Config:
    """How to read shards that have what the model uses and nothing else, and no vectors: the network has them."""
    width = 2 * vocabularies.character_padding + 1
    return dataclasses.replace(
        config, model=dataclasses.replace(config.model, vectors="ignore", features=None, char_width=width)
    )


class _ExportOnShards:
    """An export's network on batches of shards, of whose token features it gets those that it knows."""

    def __init__(self, network: ScoredNetwork, used: list[int]) -> None:
        self._network, self._used = network, used
        self.transition_scores, self.temperature = network.transition_scores, network.temperature

    def emissions(self, batch: Batch) -> np.ndarray:
        return self._network.emissions(batch._replace(feature_FTB=batch.feature_FTB[self._used]))


def _export_on_own_shards(model: Path, split: str, shards: Path | Address | None, comm: Comm) -> OpenedModel:
    from ner_dist.prediction.onnx_network import OnnxNetwork

    network = OnnxNetwork(model)
    origin = network.origin
    config = knobs.from_record(origin.get("config"), model / DESCRIPTION_NAME)
    directory = shard_folder(shards or config.data.shards)
    index = read_index(directory)
    if index.fingerprint() != origin.get("shards"):
        raise UserError(
            f"{model}: this model was trained on other shards than those in {directory}; name its own with --shards, "
            "or score it on other files with --gold FILE"
        )
    part = (config, index, split, directory, comm.num_ranks, comm.rank)
    reader = open_split(*part)
    used = [place for place, _ in used_features(config.model, index)]
    opened = OpenedSplit(_ExportOnShards(network, used), config, index, directory, reader, open_texts(*part, reader))
    return OpenedModel(opened, split, _origin_of_export(origin), index.entity_types)


def _origin_of_run(model: Path, checkpoint: str, epoch: int) -> str:
    name = "checkpoint" if checkpoint_place(model, checkpoint) == model else f"{checkpoint} checkpoint"
    return f"{name}, epoch {epoch}"


def _origin_of_export(origin: dict[str, Any]) -> str:
    return f"export of the {origin.get('checkpoint')} checkpoint, epoch {origin.get('epoch')}"
