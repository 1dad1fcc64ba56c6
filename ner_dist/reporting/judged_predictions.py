"""A run's predictions for a split compared with its gold tags: entities, confidence, scores.

Axes: M tokens of the split end to end, P predicted entities, G gold entities, B sentences of a batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans
from ner_dist.evaluation.characters import CharacterTally, character_scores
from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.score_split import OpenedSplit, decode_batches
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.reporting.gold_split import GoldSplit


class JudgedPredictions(NamedTuple):
    tag_M: np.ndarray
    predicted: Spans
    # The model's marginal probability of each predicted and of each gold entity.
    confidence_P: np.ndarray
    probability_G: np.ndarray
    # Whether the span of a predicted entity is right, and whether its type is right as well (bool).
    span_right_P: np.ndarray
    right_P: np.ndarray
    # In the layout of result.json.
    scores: dict[str, Any]
    # Sentences that the gold, in the shards, has made other than new text is cut; see SplitTexts.
    num_recut: int = 0


def predict(opened: OpenedSplit, gold: GoldSplit, name: str) -> JudgedPredictions:
    """Tag the split with the run's network. name: for the progress bar, shown if stderr is a terminal."""
    num_tokens = len(gold.text_M)
    tag_M = np.zeros(num_tokens, np.int64)
    # Probability of the entity that begins at a token.
    confidence_M, probability_M = np.zeros((2, num_tokens))
    tally = None if opened.texts is None else CharacterTally(opened.texts, len(gold.entity_types))
    with tqdm(desc=f"scoring {name}", total=gold.num_sentences, unit="sentence", leave=False, disable=None) as bar:
        for decoded in decode_batches(opened.network, opened.batches()):
            batch = decoded.batch
            first_B = gold.first_N[np.searchsorted(gold.sentence_id_N, batch.sentence_id_B)]
            for first, length, tag_T in zip(first_B, batch.length_B, decoded.tag_TB.T):
                tag_M[first : first + length] = tag_T[:length]
            _note_probabilities(decoded, first_B, confidence_M)
            _note_probabilities(decoded._replace(tag_TB=batch.tag_TB.astype(np.int64)), first_B, probability_M)
            if tally is not None:
                tally.add(decoded)
            bar.update(len(batch.length_B))
    judged = judge(gold, tag_M, confidence_M, probability_M)
    if tally is None or opened.texts is None:
        return judged
    tally.add_raw_rows(opened.network, opened.config.train.eval_batch_sentences)
    characters = character_scores(tally.counts, opened.index, gold.split)
    return judged._replace(scores={**judged.scores, "characters": characters}, num_recut=len(opened.texts.recut))


def _note_probabilities(decoded: DecodedBatch, first_B: np.ndarray, probability_M: np.ndarray) -> None:
    found = predicted_entities(decoded)
    probability_M[first_B[found.sentence_S] + found.first_S] = found.confidence_S


def judge(gold: GoldSplit, tag_M: np.ndarray, confidence_M: np.ndarray, probability_M: np.ndarray) -> JudgedPredictions:
    """Compare predicted tags with the gold tags. An entity's probability is that of its first token."""
    spans = gold.gold
    predicted = strict_spans(*split_ids(tag_M), gold.starts_M)
    # Entities of one tag sequence never share a first token, so the end identifies the span.
    end_M, type_M = np.zeros(len(tag_M), np.int64), np.zeros(len(tag_M), np.int64)
    end_M[spans.start_E], type_M[spans.start_E] = spans.end_E, spans.type_E
    span_right_P = end_M[predicted.start_E] == predicted.end_E
    counts = count(gold.gold_M, tag_M, gold.starts_M, len(gold.entity_types))
    return JudgedPredictions(
        tag_M=tag_M,
        predicted=predicted,
        confidence_P=confidence_M[predicted.start_E],
        probability_G=probability_M[spans.start_E],
        span_right_P=span_right_P,
        right_P=span_right_P & (type_M[predicted.start_E] == predicted.type_E),
        scores=scores(counts, gold.entity_types),
    )
