"""Documents with the entities found, as suggestions for annotation tools: doccano, Label Studio and Prodigy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ner_dist.prediction.documents import Document
from ner_dist.tool_formats import annotation_tools


class PredictedText(NamedTuple):
    """A document as ner_dist.tool_formats has texts (SpannedText)."""

    text: str
    spans: Sequence[tuple[int, int, str]]
    tokens: Sequence[str]
    starts: Sequence[int]
    sentence_starts: Sequence[int]
    entities: Sequence[tuple[int, int, str]]


def predicted_text(document: Document) -> PredictedText:
    tokens: list[str] = []
    starts: list[int] = []
    firsts = []
    for sentence in document.sentences:
        firsts.append(len(tokens))
        tokens += sentence.tokens
        starts += sentence.starts
    entities = [
        (firsts[entity.sentence] + entity.first_token, firsts[entity.sentence] + entity.end_token, entity.type)
        for entity in document.entities
    ]
    # Without those of sentences that have no tokens.
    begun = [first for first, sentence in zip(firsts, document.sentences) if sentence.tokens]
    spans = [(entity.start, entity.end, entity.type) for entity in document.entities]
    return PredictedText(document.text, spans, tokens, starts, begun, entities)


def doccano_record(document: Document) -> dict[str, object]:
    return annotation_tools.doccano_record(predicted_text(document), document.others)


def label_studio_task(document: Document, model_version: str) -> dict[str, object]:
    """A task with one prediction, which the tool shows and lets annotators start from."""
    text = predicted_text(document)
    result = annotation_tools.label_studio_result(text, _scores(document))
    prediction = {"model_version": model_version, "score": round(document.confidence, 6), "result": result}
    return {"data": annotation_tools.label_studio_data(text, document.others), "predictions": [prediction]}


def prodigy_task(document: Document) -> dict[str, object]:
    """A task without an answer. Below its text, the tool shows how sure the model is of all of it."""
    given = document.others.get("meta")
    meta = {**(given if isinstance(given, Mapping) else {}), "score": round(document.confidence, 6)}
    return annotation_tools.prodigy_task(predicted_text(document), document.others, meta, _scores(document))


def _scores(document: Document) -> list[float]:
    return [round(entity.confidence, 6) for entity in document.entities]
