"""A split's sentences -> predicted tags -> counts: every sentence once, by the rank that has it, and one sum.

Axes: T tokens, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ner_dist.arrays import on_device
from ner_dist.comm import Horovod, Solo
from ner_dist.config import Config
from ner_dist.crf import Scores
from ner_dist.model import Tagger, tagger_inputs
from ner_dist.reader import Batch, Sentences
from ner_dist.score import Counts, count
from ner_dist.viterbi import decode


class Predicted(NamedTuple):
    """A batch and what the model says of it."""

    batch: Batch
    emission_TBK: np.ndarray
    # What sequences earn beside their emissions.
    scores: Scores
    # Predicted BILOU ids, int64.
    tag_TB: np.ndarray


def predictions(tagger: Tagger, weight_VD: np.ndarray, sentences: Sentences, config: Config) -> Iterator[Predicted]:
    """Each batch of this rank's sentences with its predicted tags."""
    context = next(iter(tagger.collect_params().values())).list_ctx()[0]
    scores = tagger.scores()
    for batch in sentences.scoring_batches(config.train.eval_batch_sentences):
        rows_WD = on_device(weight_VD[batch.word_ids_W], context)
        convolved = None if tagger.char_cnn is None else tagger.char_cnn.convolve(batch)
        emission_TBK = tagger(*tagger_inputs(batch, rows_WD, batch.word_TB, convolved)).asnumpy()
        yield Predicted(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores))


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


def end_to_end(tag_TB: np.ndarray, length_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences of a batch one after another without padding, and where each begins (bool)."""
    real_BT = np.arange(len(tag_TB)) < length_B[:, None]
    starts_M = np.zeros(int(length_B.sum()), bool)
    starts_M[np.cumsum(length_B) - length_B] = True
    return tag_TB.T[real_BT], starts_M
