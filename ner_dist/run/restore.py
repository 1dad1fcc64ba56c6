"""A checkpoint -> the tagger it holds, ready to compute emissions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ner_dist.model import cnn_bilstm
from ner_dist.model.word_vectors import first_words
from ner_dist.ranks.environment import choose_device
from ner_dist.run.checkpoint import Checkpoint


def trained(saved: Checkpoint, directory: str | Path, device: str) -> tuple[cnn_bilstm.CnnBiLstm, np.ndarray]:
    """The tagger of a checkpoint, and its word embeddings (V, D); directory: of the checkpoint."""
    tagger = cnn_bilstm.build(saved.config, saved.index, choose_device(device))
    cnn_bilstm.set_parameters(tagger, saved.parameters())
    weight_VD = first_words(saved.config, saved.index, directory).weight_VD
    weight_VD[: len(saved.words())] = saved.words()
    return tagger, weight_VD
