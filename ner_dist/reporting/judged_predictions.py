"""A run's predictions for a split compared with its gold tags: entities, confidence, scores.

Axes: M tokens of the split end to end, P predicted entities, G gold entities, B sentences of a batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ner_dist.contract.tag_schemes import Spans, split_ids, strict_spans
from ner_dist.evaluation.characters import CharacterTally, character_scores, predicted_spans
from ner_dist.evaluation.f1 import count, scores
from ner_dist.evaluation.score_split import OpenedSplit, decode_batches
from ner_dist.model.entities import DecodedBatch, tagged_entities
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
    # Entities predicted in raw rows: row, start, end, type id (E, 4); None if the split has no texts.
    raw_span_E4: np.ndarray | None = None
    # By what the confidences are calibrated, and what they would be without: confidence_P itself if it is 1.
    temperature: float = 1.0
    uncalibrated_P: np.ndarray | None = None


def predict(opened: OpenedSplit, split: str, gold: GoldSplit, name: str) -> JudgedPredictions:
    """Tag the split with the model's network. name: for the progress bar, shown if stderr is a terminal."""
    num_tokens = len(gold.text_M)
    tag_M = np.zeros(num_tokens, np.int64)
    # Probability of the entity that begins at a token; the last without calibration.
    confidence_M, probability_M, uncalibrated_M = np.zeros((3, num_tokens))
    temperature = opened.network.temperature
    tally = None if opened.texts is None else CharacterTally(opened.texts, len(gold.entity_types))
    with tqdm(desc=f"scoring {name}", total=gold.num_sentences, unit="sentence", leave=False, disable=None) as bar:
        for decoded in decode_batches(opened.network, opened.batches()):
            batch = decoded.batch
            first_B = gold.first_N[np.searchsorted(gold.sentence_id_N, batch.sentence_id_B)]
            for first, length, tag_T in zip(first_B, batch.length_B, decoded.tag_TB.T):
                tag_M[first : first + length] = tag_T[:length]
            _note_probabilities(decoded, decoded.tag_TB, first_B, confidence_M)
            _note_probabilities(decoded, batch.tag_TB.astype(np.int64), first_B, probability_M)
            if temperature != 1:
                _note_probabilities(decoded._replace(temperature=1.0), decoded.tag_TB, first_B, uncalibrated_M)
            if tally is not None:
                tally.add(decoded)
            bar.update(len(batch.length_B))
    judged = judge(gold, tag_M, confidence_M, probability_M)
    if temperature != 1:
        uncalibrated_P = uncalibrated_M[judged.predicted.start_E]
        judged = judged._replace(temperature=temperature, uncalibrated_P=uncalibrated_P)
    if tally is None or opened.texts is None:
        return judged
    raw, found = opened.texts.raw, [np.zeros((0, 4), np.int64)]

    def note_spans(decoded: DecodedBatch) -> None:
        assert raw is not None
        found.append(predicted_spans(decoded, raw))

    tally.add_raw_rows(opened.network, opened.config.train.eval_batch_sentences, note_spans)
    characters = character_scores(tally.counts, opened.index, split)
    return judged._replace(
        scores={**judged.scores, "characters": characters},
        num_recut=len(opened.texts.recut),
        raw_span_E4=np.concatenate(found),
    )


def _note_probabilities(
    decoded: DecodedBatch, tag_TB: np.ndarray, first_B: np.ndarray, probability_M: np.ndarray
) -> None:
    found = tagged_entities(decoded, tag_TB)
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
