"""A split's sentences -> predicted tags -> counts: every sentence once, by the rank that holds it, and one sum.

Needs no MXNet. Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.data.batch import Batch
from ner_dist.data.raw_rows import SplitTexts
from ner_dist.data.shard_reader import ShardReader
from ner_dist.evaluation.f1 import Counts, count
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, concatenate_sentences
from ner_dist.model.viterbi import decode
from ner_dist.ranks.comm import Comm


class ScoredNetwork(Protocol):
    """What can be scored: the network of a run, or that of an export."""

    @property
    def transition_scores(self) -> TransitionScores: ...

    @property
    def temperature(self) -> float: ...

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, B, K)."""


@dataclasses.dataclass(frozen=True)
class OpenedSplit:
    """A network with the split that it is scored on."""

    network: ScoredNetwork
    config: Config
    index: Index
    shards: Path
    # This rank's part; None: the shards have no texts.
    reader: ShardReader
    texts: SplitTexts | None

    def batches(self) -> Iterator[Batch]:
        return self.reader.scoring_batches(self.config.train.eval_batch_sentences)


def decode_batches(network: ScoredNetwork, batches: Iterable[Batch]) -> Iterator[DecodedBatch]:
    scores = network.transition_scores
    for batch in batches:
        emission_TBK = network.emissions(batch)
        tag_TB = decode(emission_TBK, batch.length_B, scores)
        yield DecodedBatch(batch, emission_TBK, scores, tag_TB, network.temperature)


def score_split(
    network: ScoredNetwork,
    batches: Iterable[Batch],
    num_types: int,
    comm: Comm,
    observe: Callable[[DecodedBatch], object] = lambda decoded: None,
) -> Counts:
    """Counts of the whole split, summed over all ranks; every rank must call it with its own batches.

    observe: is called with each of this rank's batches once its tags are predicted.
    """
    counts = Counts.zero(num_types)
    for decoded in decode_batches(network, batches):
        observe(decoded)
        gold_M, starts_M = concatenate_sentences(decoded.batch.tag_TB, decoded.batch.length_B)
        predicted_M, _ = concatenate_sentences(decoded.tag_TB, decoded.batch.length_B)
        counts += count(gold_M, predicted_M, starts_M, num_types)
    return Counts.from_vector(comm.sum_counts(counts.to_vector()), num_types)
