"""Label Studio's exports: JSON (tasks with their annotations), and JSON-MIN (a text and its labels)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.fields import Fields, find_names, look_up
from data_prep.formats.json.records import document_of, find_objects, first_objects, name_of, records_of_objects
from data_prep.formats.json.spans import quoted_span
from data_prep.formats.json.values import sample_values
from data_prep.formats.read_records import reader
from data_prep.problems import CorpusError
from data_prep.sentences.record import Record, Span

# Of a task; the second was its name before version 1.0.
ANNOTATIONS = ("annotations", "completions")
# Kinds of results that are spans of a text; the others are choices, relations, comments and the like.
SPAN_RESULTS = ("labels", "hypertextlabels", "paragraphlabels")


def _is_task(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and any(isinstance(value.get(name), list) for name in (*ANNOTATIONS, "predictions"))
    )


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    found = sample_values(sample)
    if found is not None and any(map(_is_task, found.values)):
        return f"{found.layout} of tasks with 'data' and 'annotations'"
    minimal = find_objects(sample, options)
    if minimal is None or not minimal.fields.text or "'labels'" not in minimal.fields.span_words:
        return None
    return f"{minimal.evidence}, the JSON-MIN of Label Studio"


def records(source: Source) -> Iterator[Record]:
    objects, values = first_objects(source)
    if not any(map(_is_task, objects)):
        yield from records_of_objects(source, _prepare_minimal, (objects, values))
        return
    names = find_names(objects, source.options, inner="data")
    chosen = dict(source.options.columns)
    field = chosen.get("text") or _text_field(objects, [name for name in names if name], source.path)
    for number, value in values:
        try:
            if not _is_task(value):
                raise ValueError("not a task with data and annotations")
            text = look_up(value["data"], field)
            if not isinstance(text, str):
                raise ValueError(f'"data" has no text in {field!r}')
            result = _result(value, number, source)
            if result is None:
                continue
            spans = _spans(result, text, chosen.get("entities") or chosen.get("spans"))
            name, document = (name_of(value, field) for field in names)
        except ValueError as error:
            source.refuse(number, error, document_of(value, names.document), "malformed_record")
        else:
            yield Record(number, text=text, spans=spans, id=name or "", document=document)


def _prepare_minimal(value: dict[str, Any], fields: Fields) -> None:
    # Absent where the annotator marked nothing.
    if fields.spans and "annotation_id" in value:
        value.setdefault(fields.spans, [])


def _text_field(objects: Sequence[dict[str, Any]], names: list[str], path: str) -> str:
    """The field of the text among a task's data. Raises CorpusError if it is not certain."""
    tasks = [value["data"] for value in objects if _is_task(value)]
    fields = [
        field
        for field in dict.fromkeys(field for data in tasks for field in data)
        if f"data.{field}" not in names and all(isinstance(data.get(field, ""), str) for data in tasks)
    ]
    if "text" in fields:
        return "text"
    if len(fields) != 1:
        found = f"may be in {' or '.join(map(repr, fields))}" if fields else "is in none of the fields"
        raise CorpusError(f"{path}: the text of a task {found} of its data; choose with --columns text=FIELD")
    return fields[0]


def _result(task: dict[str, Any], number: int, source: Source) -> list[Any] | None:
    """What the annotation that counts has found; None if there is none. Raises ValueError."""
    annotations: list[Any] = next((task[name] for name in ANNOTATIONS if isinstance(task.get(name), list)), [])
    if not all(
        isinstance(annotation, dict) and isinstance(annotation.get("result"), list) for annotation in annotations
    ):
        raise ValueError("an annotation without a list of results")
    valid = [annotation for annotation in annotations if not annotation.get("was_cancelled")]
    where = f"{source.path}:{number}"
    if not valid:
        source.problems.warn("tasks_not_annotated", where, "a task without an annotation, or only skipped, is left out")
        return None
    truths = [annotation for annotation in valid if annotation.get("ground_truth")]
    if len(valid) > 1:
        which = "the one marked as ground truth" if truths else "the first one"
        source.problems.warn("tasks_annotated_twice", where, f"a task with {len(valid)} annotations; {which} is read")
    found: list[Any] = (truths or valid)[0]["result"]
    return found


def _spans(result: list[Any], text: str, control: str | None) -> list[Span]:
    """control: the name of the labels that are meant, None if there is only one such name. Raises ValueError."""
    spans, controls = [], set()
    for region in result:
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict) or region.get("type", "labels") not in SPAN_RESULTS:
            continue
        name = region.get("from_name")
        if control is not None and name != control:
            continue
        controls.add(name)
        start, end = value.get("start"), value.get("end")
        if type(start) is not int or type(end) is not int:
            raise ValueError(f"a region from {start!r} to {end!r}: places in HTML or dialogues, not in a plain text")
        types = value.get(region.get("type", "labels"), value.get("labels"))
        if not isinstance(types, list) or not types or not all(isinstance(name, str) for name in types):
            raise ValueError(f"the region {json.dumps([start, end])} has no labels")
        found = [Span(start, end, name) for name in types]
        quoted = value.get("text")
        spans += [quoted_span(span, quoted, text) if isinstance(quoted, str) else span for span in found]
    if len(controls) > 1:
        names = " or ".join(sorted(map(repr, controls)))
        raise ValueError(f"labels of {len(controls)} kinds, {names}; choose with --columns entities=NAME")
    return spans


LABEL_STUDIO = Format(
    name="label-studio",
    description="JSON or JSON-MIN export of Label Studio",
    default_encoding="utf-8",
    evidence='JSON objects with "data" and "annotations", or with labels that are objects with "labels"',
    recognise=recognise,
    read=reader(records),
)
