"""A checkpoint -> its network, ready to compute emissions."""

from __future__ import annotations

from pathlib import Path

from ner_dist.model import cnn_bilstm
from ner_dist.model.cnn_bilstm import TrainedNetwork
from ner_dist.model.initial_values import initial_embeddings
from ner_dist.ranks.environment import choose_device
from ner_dist.run.checkpoint import Checkpoint


def restore(saved: Checkpoint, directory: str | Path, device: str) -> TrainedNetwork:
    """directory: where the checkpoint lies, with the pretrained vectors, if any. device: auto, cpu or gpu."""
    tagger = cnn_bilstm.build_tagger(saved.config, saved.index, choose_device(device))
    cnn_bilstm.set_parameters(tagger, saved.parameters())
    weight_VD = initial_embeddings(saved.config, saved.index, directory).weight_VD
    weight_VD[: len(saved.words())] = saved.words()
    return TrainedNetwork(tagger, weight_VD)
