"""A shard set as the peer reads it: the same sentences in the same order as ner_dist.train, through the same reader.

Axes: L words that training may change, V all words, D word units, S shards, B buckets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.peer_torch import Inputs, Sizes, inputs_of
from ner_dist.contract.shard_format import read_index, read_vectors
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.step_plan import epoch_steps


class Shards:
    def __init__(self, directory: Path, features: list[str], with_vectors: bool) -> None:
        """features: names of those the tagger uses; without vectors, words that train lacks are unknown."""
        self._directory = directory
        self.index = read_index(directory)
        self._vectors = self.index.vectors if with_vectors else None
        num_words = self.index.vocab["word"].num_values
        num_learnt = self.index.vectors.first_unseen if self.index.vectors else num_words
        self._num_words = num_words if self._vectors else num_learnt
        chosen = [(place, feature) for place, feature in enumerate(self.index.features) if feature.name in features]
        self.sizes = Sizes(
            # Training never meets the others, which spares the peer their gradient and their update.
            num_words=num_learnt,
            num_chars=self.index.vocab["char"].num_values,
            num_tags=self.index.num_tags,
            feature_values=[feature.num_values for _, feature in chosen],
            feature_places=[place for place, _ in chosen],
            word_units=self._vectors.num_units if self._vectors else Sizes.word_units,
        )
        self._splits: dict[str, ShardReader] = {}

    def training_batches(self, batch_sentences: int, seed: int, epoch: int) -> Iterator[Inputs]:
        """An epoch's batches, as ner_dist.train has them on one rank."""
        rows_SB = np.array([shard.rows for shard in self.index.splits["train"]], np.int64)
        for step in epoch_steps(rows_SB, batch_sentences, seed, epoch, num_ranks=1, rank=0):
            batch = self._sentences("train").step_batch(step)
            assert batch is not None, "one rank has part in every step"
            yield inputs_of(batch, self.sizes)

    def scoring_batches(self, split: str) -> Iterator[tuple[Batch, Inputs]]:
        for batch in self._sentences(split).scoring_batches(128):
            yield batch, inputs_of(batch, self.sizes)

    def words(self, random_LD: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings to begin with: those training may change, pretrained where there are vectors, and the others."""
        if self._vectors is None:
            return random_LD, random_LD[:0]
        vectors_VD = torch.from_numpy(read_vectors(self._directory, self.index))
        learnt_LD, unseen_VD = vectors_VD.split([len(random_LD), len(vectors_VD) - len(random_LD)])
        return torch.where(learnt_LD.isnan(), random_LD, learnt_LD), unseen_VD

    def _sentences(self, split: str) -> ShardReader:
        if split not in self._splits:
            every = list(range(len(self.index.splits[split])))
            padding = self.sizes.char_width // 2
            self._splits[split] = ShardReader(self._directory, self.index, split, every, padding, self._num_words)
        return self._splits[split]
