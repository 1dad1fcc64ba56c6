"""A run's checkpoint as prediction sees it: vocabularies, scores of tag sequences, and emissions by MXNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ner_dist.data import used_inputs
from ner_dist.data.batch import Batch
from ner_dist.model.cnn_bilstm import emissions
from ner_dist.prediction.vocabularies import of_checkpoint
from ner_dist.run import checkpoint
from ner_dist.run.restore import trained


class CheckpointNetwork:
    def __init__(self, place: Path, device: str) -> None:
        """place: of the checkpoint. Raises UserError if there is none, or it does not suffice for new text."""
        saved = checkpoint.load(place)
        directory = checkpoint.find(place)
        self.vocabularies = of_checkpoint(directory, saved.index, saved.config)
        self._tagger, self._weight_VD = trained(saved, directory, device)
        self.transition_scores = self._tagger.transition_scores()
        self._num_features = len(saved.index.features)
        self._used = [place for place, _ in used_inputs.used_features(saved.config.model, saved.index)]

    def emissions(self, batch: Batch) -> np.ndarray:
        # The model finds its features among all that its shards have.
        feature_FTB = np.zeros((self._num_features, *batch.word_TB.shape), np.int32)
        feature_FTB[self._used] = batch.feature_FTB
        return emissions(self._tagger, self._weight_VD, batch._replace(feature_FTB=feature_FTB))
