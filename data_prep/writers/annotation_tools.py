"""What annotation tools import, as annotations: doccano, Label Studio and Prodigy."""

from __future__ import annotations

from functools import partial

from data_prep.writers.jsonl import RecordWriter, named
from data_prep.writers.output_format import OutputFormat
from data_prep.writers.whole_records import WholeRecord
from ner_dist.tool_formats import annotation_tools
from ner_dist.tool_formats.annotation_tools import FROM_NAME, TO_NAME


def _doccano(record: WholeRecord) -> dict[str, object]:
    return annotation_tools.doccano_record(record, named(record.id, record.document))


def _label_studio(record: WholeRecord) -> dict[str, object]:
    """A task with one annotation."""
    data = annotation_tools.label_studio_data(record, named(record.id, record.document))
    return {"data": data, "annotations": [{"result": annotation_tools.label_studio_result(record)}]}


def _prodigy(record: WholeRecord) -> dict[str, object]:
    """A task that is answered."""
    meta = {"document": record.document} if record.document else {}
    task = annotation_tools.prodigy_task(record, named(record.id, ""), meta)
    return {**task, "_is_binary": False, "_view_id": "ner_manual", "answer": "accept"}


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
