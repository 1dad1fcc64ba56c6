"""What annotation tools import: doccano, Label Studio and Prodigy. Places are counted in characters (code points).

Sources: doccano's "Sequence labeling" import (JSONL), https://labelstud.io/guide/tasks and /guide/predictions,
https://prodi.gy/docs/api-interfaces#ner_manual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ner_dist.tool_formats.spanned_text import SpannedText

# The control and object tags that Label Studio's template "Named Entity Recognition" declares.
FROM_NAME, TO_NAME = "label", "text"


def doccano_record(record: SpannedText, fields: Mapping[str, object]) -> dict[str, object]:
    """fields: other ones of the record, which doccano keeps with the text."""
    return {**fields, "text": record.text, "label": [list(span) for span in record.spans]}


def label_studio_data(record: SpannedText, fields: Mapping[str, object]) -> dict[str, object]:
    """What a task is about. It keeps the id and whatever else is known, because the tool numbers tasks itself."""
    return {**fields, TO_NAME: record.text}


def label_studio_result(record: SpannedText, scores: Sequence[float] | None = None) -> list[dict[str, Any]]:
    """The entities as the regions of an annotation or a prediction. scores: of each, from 0 to 1."""
    regions: list[dict[str, Any]] = [
        {
            "id": f"e{number}",
            "from_name": FROM_NAME,
            "to_name": TO_NAME,
            "type": "labels",
            "value": {"start": start, "end": end, "text": record.text[start:end], "labels": [entity_type]},
        }
        for number, (start, end, entity_type) in enumerate(record.spans, 1)
    ]
    for region, score in zip(regions, scores or ()):
        region["score"] = score
    return regions


def prodigy_task(
    record: SpannedText,
    fields: Mapping[str, object],
    meta: Mapping[str, object],
    scores: Sequence[float] | None = None,
) -> dict[str, object]:
    """A task with its tokens, to which the spans refer, too.

    fields: other ones of the record. meta: what is shown below the text. scores: of each entity, from 0 to 1.
    """
    ends = [start + len(token) for start, token in zip(record.starts, record.tokens)]
    tokens = [
        {"text": token, "start": start, "end": end, "id": number, "ws": record.text[end : end + 1] == " "}
        for number, (token, start, end) in enumerate(zip(record.tokens, record.starts, ends))
    ]
    spans: list[dict[str, object]] = [
        {
            "start": record.starts[first],
            "end": ends[end - 1],
            "token_start": first,
            # The last token, not the one after it.
            "token_end": end - 1,
            "label": entity_type,
        }
        for first, end, entity_type in record.entities
    ]
    for span, score in zip(spans, scores or ()):
        span["score"] = score
    shown = {"meta": dict(meta)} if meta else {}
    return {**fields, "text": record.text, "tokens": tokens, "spans": spans, **shown}
