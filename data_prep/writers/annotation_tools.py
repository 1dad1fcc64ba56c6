"""What annotation tools import: doccano, Label Studio and Prodigy. Places are counted in characters (code points).

Sources: doccano's "Sequence labeling" import (JSONL), https://labelstud.io/guide/tasks and /guide/predictions,
https://prodi.gy/docs/api-interfaces#ner_manual.
"""

from __future__ import annotations

from functools import partial

from data_prep.writers.jsonl import RecordWriter, named
from data_prep.writers.output_format import OutputFormat
from data_prep.writers.whole_records import WholeRecord

# The control and object tags that Label Studio's template "Named Entity Recognition" declares.
FROM_NAME, TO_NAME = "label", "text"


def _doccano(record: WholeRecord) -> dict[str, object]:
    label = [list(span) for span in record.spans]
    return {**named(record.id, record.document), "text": record.text, "label": label}


def _label_studio(record: WholeRecord) -> dict[str, object]:
    """A task with one annotation. Its data keep id and document, because the tool numbers tasks itself."""
    names = named(record.id, record.document)
    result = [
        {
            "id": f"e{number}",
            "from_name": FROM_NAME,
            "to_name": TO_NAME,
            "type": "labels",
            "value": {"start": start, "end": end, "text": record.text[start:end], "labels": [entity_type]},
        }
        for number, (start, end, entity_type) in enumerate(record.spans, 1)
    ]
    return {"data": {**names, "text": record.text}, "annotations": [{"result": result}]}


def _prodigy(record: WholeRecord) -> dict[str, object]:
    """A task that is answered: with its tokens, to which the spans refer, too."""
    ends = [start + len(token) for start, token in zip(record.starts, record.tokens)]
    tokens = [
        {"text": token, "start": start, "end": end, "id": number, "ws": record.text[end : end + 1] == " "}
        for number, (token, start, end) in enumerate(zip(record.tokens, record.starts, ends))
    ]
    spans = [
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
    return {
        **named(record.id, ""),
        "text": record.text,
        "tokens": tokens,
        "spans": spans,
        **({"meta": {"document": record.document}} if record.document else {}),
        "_is_binary": False,
        "_view_id": "ner_manual",
        "answer": "accept",
    }


DOCCANO = OutputFormat(
    name="doccano",
    description="JSON lines for doccano's sequence labelling: text and label",
    open=partial(RecordWriter, value=_doccano),
    is_text=True,
)
LABEL_STUDIO = OutputFormat(
    name="label-studio",
    description=f"JSON tasks with annotations for Label Studio (<Labels name={FROM_NAME!r} toName={TO_NAME!r}>)",
    open=partial(RecordWriter, value=_label_studio, is_array=True),
    is_text=True,
)
PRODIGY = OutputFormat(
    name="prodigy",
    description="JSON lines for Prodigy's db-in: text, tokens and spans",
    open=partial(RecordWriter, value=_prodigy),
)
