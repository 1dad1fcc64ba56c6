"""What a run says of a split, beside what is right: predicted entities, how sure the model is, and the scores.

Axes: M tokens of the split laid end to end, P predicted entities, G gold entities, B sentences of a batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans
from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.open_run import ScoredRun
from ner_dist.evaluation.score_split import predictions
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.reporting.corpus import Corpus


class Answers(NamedTuple):
    tag_M: np.ndarray
    predicted: Spans
    # The model's probability of each predicted entity, and of each gold one, whatever the rest of its sentence is.
    confidence_P: np.ndarray
    probability_G: np.ndarray
    # Whether the span of a predicted entity is that of a gold one, and whether its type is, too (bool).
    span_right_P: np.ndarray
    right_P: np.ndarray
    # As result.json has them.
    scores: dict[str, Any]


def ask(opened: ScoredRun, corpus: Corpus, name: str) -> Answers:
    """Let the run tag the split. name: for the progress bar, which is there if stderr is a terminal."""
    num_tokens = len(corpus.text_M)
    tag_M = np.zeros(num_tokens, np.int64)
    # Probability of the entity that begins at a token.
    confidence_M, probability_M = np.zeros((2, num_tokens))
    batches = predictions(opened.tagger, opened.weight_VD, opened.sentences, opened.saved.config)
    with tqdm(desc=f"scoring {name}", total=corpus.num_sentences, unit="sentence", leave=False, disable=None) as bar:
        for predicted in batches:
            batch = predicted.batch
            first_B = corpus.first_N[np.searchsorted(corpus.sentence_id_N, batch.sentence_id_B)]
            for first, length, tag_T in zip(first_B, batch.length_B, predicted.tag_TB.T):
                tag_M[first : first + length] = tag_T[:length]
            _note_probabilities(predicted, first_B, confidence_M)
            gold = predicted._replace(tag_TB=batch.tag_TB.astype(np.int64))
            _note_probabilities(gold, first_B, probability_M)
            bar.update(len(batch.length_B))
    return judge(corpus, tag_M, confidence_M, probability_M)


def _note_probabilities(predicted: DecodedBatch, first_B: np.ndarray, probability_M: np.ndarray) -> None:
    found = predicted_entities(predicted)
    probability_M[first_B[found.sentence_S] + found.first_S] = found.confidence_S


def judge(corpus: Corpus, tag_M: np.ndarray, confidence_M: np.ndarray, probability_M: np.ndarray) -> Answers:
    """Compare predicted tags with the gold ones. The probabilities stand at the first token of each entity."""
    gold = corpus.gold
    predicted = strict_spans(*split_ids(tag_M), corpus.starts_M)
    # A span is known by its ends; entities of one sequence never share one.
    end_M, type_M = np.zeros(len(tag_M), np.int64), np.zeros(len(tag_M), np.int64)
    end_M[gold.start_E], type_M[gold.start_E] = gold.end_E, gold.type_E
    span_right_P = end_M[predicted.start_E] == predicted.end_E
    counts = count(corpus.gold_M, tag_M, corpus.starts_M, len(corpus.entity_types))
    return Answers(
        tag_M=tag_M,
        predicted=predicted,
        confidence_P=confidence_M[predicted.start_E],
        probability_G=probability_M[gold.start_E],
        span_right_P=span_right_P,
        right_P=span_right_P & (type_M[predicted.start_E] == predicted.type_E),
        scores=scores(counts, corpus.entity_types),
    )
