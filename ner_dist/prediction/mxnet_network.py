"""A run's checkpoint as a TaggerNetwork: vocabularies, transition scores, and emissions computed by MXNet."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ner_dist.data import used_inputs
from ner_dist.data.batch import Batch
from ner_dist.prediction.example_sentences import example_sentences
from ner_dist.prediction.identity import ModelIdentity, identity_of_run
from ner_dist.prediction.vocabularies import checkpoint_vocabularies
from ner_dist.run import calibration, checkpoint
from ner_dist.run.restore import restore
from ner_dist.stores.addresses import is_address


class CheckpointNetwork:
    """Axes: F features, T tokens, B sentences, V words, D word units."""

    def __init__(self, place: Path, device: str) -> None:
        """place: of the checkpoint. Raises UserError if there is none, or if it does not suffice for new text."""
        self._place = place
        self.checkpoint = saved = checkpoint.load(place)
        directory = checkpoint.find(place)
        self.vocabularies = checkpoint_vocabularies(directory, saved.index, saved.config)
        self._network = restore(saved, directory, device)
        self.transition_scores = self._network.transition_scores
        self.calibration = calibration.read(place)
        self.temperature = 1.0 if self.calibration is None else self.calibration.temperature
        self.weight_VD = self._network.weight_VD
        self._num_features = len(saved.index.features)
        self._used = [place for place, _ in used_inputs.used_features(saved.config.model, saved.index)]

    @functools.cached_property
    def identity(self) -> ModelIdentity:
        return identity_of_run(self._place)

    @functools.cached_property
    def examples(self) -> list[str]:
        # Of shards in a store none: a service that starts waits for nobody.
        return [] if is_address(self.checkpoint.config.data.shards) else example_sentences(self.checkpoint)

    def emissions(self, batch: Batch) -> np.ndarray:
        """float32 (T, B, K)."""
        # The network expects all features of its shards and picks those it uses.
        feature_FTB = np.zeros((self._num_features, *batch.word_TB.shape), np.int32)
        feature_FTB[self._used] = batch.feature_FTB
        return self._network.emissions(batch._replace(feature_FTB=feature_FTB))
