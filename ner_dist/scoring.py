"""A split's sentences -> predicted tags -> counts: every sentence once, by the rank that has it, and one sum.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ner_dist.arrays import on_device
from ner_dist.batches import Batch
from ner_dist.comm import Horovod, Solo
from ner_dist.config import Config
from ner_dist.model import Tagger, tagger_inputs
from ner_dist.predicted import Predicted, end_to_end
from ner_dist.reader import Sentences
from ner_dist.score import Counts, count
from ner_dist.viterbi import decode


def predictions(tagger: Tagger, weight_VD: np.ndarray, sentences: Sentences, config: Config) -> Iterator[Predicted]:
    """Each batch of this rank's sentences with its predicted tags."""
    scores = tagger.scores()
    for batch in sentences.scoring_batches(config.train.eval_batch_sentences):
        emission_TBK = emissions(tagger, weight_VD, batch)
        yield Predicted(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores))


def emissions(tagger: Tagger, weight_VD: np.ndarray, batch: Batch) -> np.ndarray:
    """What the tagger says of each token's tags, without dropout: (T, B, K)."""
    context = next(iter(tagger.collect_params().values())).list_ctx()[0]
    rows_WD = on_device(weight_VD[batch.word_ids_W], context)
    convolved = None if tagger.char_cnn is None else tagger.char_cnn.convolve(batch)
    emission_TBK: np.ndarray = tagger(*tagger_inputs(batch, rows_WD, batch.word_TB, convolved)).asnumpy()
    return emission_TBK


def score_split(
    tagger: Tagger,
    weight_VD: np.ndarray,
    sentences: Sentences,
    config: Config,
    num_types: int,
    comm: Solo | Horovod,
    observe: Callable[[Predicted], object],
) -> Counts:
    """Counts of the whole split, over all ranks; all must call it. `observe` sees this rank's predictions."""
    counts = Counts.zero(num_types)
    for predicted in predictions(tagger, weight_VD, sentences, config):
        observe(predicted)
        gold_M, starts_M = end_to_end(predicted.batch.tag_TB, predicted.batch.length_B)
        predicted_M, _ = end_to_end(predicted.tag_TB, predicted.batch.length_B)
        counts += count(gold_M, predicted_M, starts_M, num_types)
    return Counts.from_vector(comm.sum_counts(counts.to_vector()), num_types)
