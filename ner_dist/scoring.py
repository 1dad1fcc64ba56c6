"""A split's sentences -> predicted tags -> counts: every sentence once, by the rank that has it, and one sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ner_dist.arrays import on_device
from ner_dist.comm import Horovod, Solo
from ner_dist.config import Config
from ner_dist.model import Tagger, tagger_inputs
from ner_dist.reader import Batch, Sentences
from ner_dist.score import Counts, count
from ner_dist.viterbi import decode


def predictions(
    tagger: Tagger, weight_VD: np.ndarray, sentences: Sentences, config: Config
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Each batch of this rank's sentences with its predicted tags, (T, B) int64."""
    context = next(iter(tagger.collect_params().values())).list_ctx()[0]
    scores = tagger.scores()
    for batch in sentences.scoring_batches(config.train.eval_batch_sentences):
        rows_WD = on_device(weight_VD[batch.word_ids_W], context)
        emission_TBK = tagger(*tagger_inputs(batch, rows_WD, batch.word_TB)).asnumpy()
        yield batch, decode(emission_TBK, batch.length_B, scores)


def score_split(
    tagger: Tagger,
    weight_VD: np.ndarray,
    sentences: Sentences,
    config: Config,
    num_types: int,
    comm: Solo | Horovod,
    observe: Callable[[Batch, np.ndarray], None] | None = None,
) -> Counts:
    """Counts of the whole split, over all ranks; all must call it. `observe` sees this rank's predictions."""
    counts = Counts.zero(num_types)
    for batch, predicted_TB in predictions(tagger, weight_VD, sentences, config):
        if observe is not None:
            observe(batch, predicted_TB)
        gold_M, starts_M = end_to_end(batch.tag_TB, batch.length_B)
        predicted_M, _ = end_to_end(predicted_TB, batch.length_B)
        counts += count(gold_M, predicted_M, starts_M, num_types)
    return Counts.from_vector(comm.sum_counts(counts.to_vector()), num_types)


def end_to_end(tag_TB: np.ndarray, length_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences of a batch one after another without padding, and where each begins (bool)."""
    real_BT = np.arange(len(tag_TB)) < length_B[:, None]
    starts_M = np.zeros(int(length_B.sum()), bool)
    starts_M[np.cumsum(length_B) - length_B] = True
    return tag_TB.T[real_BT], starts_M
