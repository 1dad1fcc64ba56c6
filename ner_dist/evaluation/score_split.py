"""A split's sentences -> predicted tags -> counts: every sentence once, by the rank that has it, and one sum.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ner_dist.config import Config
from ner_dist.data.shard_reader import ShardReader
from ner_dist.evaluation.f1 import Counts, count
from ner_dist.model.cnn_bilstm import CnnBiLstm, emissions
from ner_dist.model.entities import DecodedBatch, concatenate_sentences
from ner_dist.model.viterbi import decode
from ner_dist.ranks.comm import Horovod, Solo


def predictions(
    tagger: CnnBiLstm, weight_VD: np.ndarray, sentences: ShardReader, config: Config
) -> Iterator[DecodedBatch]:
    """Each batch of this rank's sentences with its predicted tags."""
    scores = tagger.transition_scores()
    for batch in sentences.scoring_batches(config.train.eval_batch_sentences):
        emission_TBK = emissions(tagger, weight_VD, batch)
        yield DecodedBatch(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores))


def score_split(
    tagger: CnnBiLstm,
    weight_VD: np.ndarray,
    sentences: ShardReader,
    config: Config,
    num_types: int,
    comm: Solo | Horovod,
    observe: Callable[[DecodedBatch], object],
) -> Counts:
    """Counts of the whole split, over all ranks; all must call it. `observe` sees this rank's predictions."""
    counts = Counts.zero(num_types)
    for predicted in predictions(tagger, weight_VD, sentences, config):
        observe(predicted)
        gold_M, starts_M = concatenate_sentences(predicted.batch.tag_TB, predicted.batch.length_B)
        predicted_M, _ = concatenate_sentences(predicted.tag_TB, predicted.batch.length_B)
        counts += count(gold_M, predicted_M, starts_M, num_types)
    return Counts.from_vector(comm.sum_counts(counts.to_vector()), num_types)
