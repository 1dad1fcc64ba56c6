"""The dev split that a run was scored on, to measure what an export of it loses, and how fast it is."""

from __future__ import annotations

import time

import numpy as np

from ner_dist.contract.shard_format import read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import open_split
from ner_dist.data.used_inputs import used_features
from ner_dist.errors import UserError
from ner_dist.evaluation.f1 import scores
from ner_dist.evaluation.score_split import score_split
from ner_dist.prediction.tag_sentences import TaggerNetwork
from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint


class DevSplit:
    """In memory, as far as training held it there."""

    def __init__(self, saved: Checkpoint) -> None:
        """Raises UserError if the shards are not there any more, are others, or have no dev."""
        config, directory = saved.config, shard_folder(saved.config.data.shards)
        index = read_index(directory)
        checkpoint.require_same_data(saved, index, directory, directory)
        if not index.num_sentences("dev"):
            raise UserError(f"{directory}: the shards have no dev split")
        self._types = index.entity_types
        self._reader = open_split(config, index, "dev", directory, 1, 0)
        self._batch_sentences = config.train.eval_batch_sentences
        self._used = [place for place, _ in used_features(config.model, index)]

    def score(self, network: TaggerNetwork) -> tuple[float, float]:
        """Entity F1, 0 to 1, and the CPU time of the network, which depends little on what else the machine does."""
        timed = _TimedNetwork(network, self._used)
        counts = score_split(timed, self._reader.scoring_batches(self._batch_sentences), len(self._types), Solo())
        return scores(counts, self._types)["entity"]["f1"], timed.seconds


class _TimedNetwork:
    """A network that gets those token features of the shards that it knows."""

    def __init__(self, network: TaggerNetwork, used: list[int]) -> None:
        self._network, self._used = network, used
        self.transition_scores, self.temperature = network.transition_scores, network.temperature
        self.seconds = 0.0

    def emissions(self, batch: Batch) -> np.ndarray:
        began_s = time.process_time()
        emission_TBK = self._network.emissions(batch._replace(feature_FTB=batch.feature_FTB[self._used]))
        self.seconds += time.process_time() - began_s
        return emission_TBK
