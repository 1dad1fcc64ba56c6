"""Documents with entities -> Parquet as Hugging Face's `datasets` writes it: a row for each sentence that has tokens.

Each portion becomes a row group as soon as it is there, so memory stays flat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ner_dist.prediction.document_writer import DocumentWriter
from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.tool_formats.huggingface import (
    DOCUMENT,
    ID,
    TAGS,
    TEXT,
    TOKENS,
    list_feature,
    metadata,
    names_of_tags,
    tag_feature,
    value_feature,
)

# Columns: number of the text in the input and of the sentence in the text, from 0; the sentence's first character
# there; its text; its entities, by characters of that; and, as JSON, what else the input says of the text.
RECORD, SENTENCE, START, SENTENCE_TEXT, ENTITIES, FIELDS = "record", "sentence", "start", "text", "entities", "fields"
# Within a portion: how many texts it has.
_NUM_TEXTS = b"texts"
_ENTITY = {"start": "int64", "end": "int64", "type": "string", "confidence": "float64", "text": "string"}
_ARROW = {"int64": pa.int64(), "string": pa.string(), "float64": pa.float64()}


def parquet_writer(entity_types: Sequence[str]) -> DocumentWriter:
    """tokens, ner_tags (BIO, integers whose names are in the metadata), text and entities with their confidence."""
    names = names_of_tags(entity_types)
    schema = _schema(names)
    numbers = {name: number for number, name in enumerate(names)}
    return DocumentWriter(partial(_portion, schema, numbers), partial(_ParquetSink, schema))


def _schema(names: list[str]) -> pa.Schema:
    integer, text = (_ARROW["int64"], value_feature("int64")), (_ARROW["string"], TEXT)
    entity = pa.struct([(name, _ARROW[dtype]) for name, dtype in _ENTITY.items()])
    columns: dict[str, tuple[pa.DataType, object]] = {
        **dict.fromkeys((ID, DOCUMENT), text),
        **dict.fromkeys((RECORD, SENTENCE, START), integer),
        SENTENCE_TEXT: text,
        TOKENS: (pa.list_(pa.string()), list_feature(TEXT)),
        TAGS: (pa.list_(pa.int64()), tag_feature(names)),
        ENTITIES: (pa.list_(entity), [{name: value_feature(dtype) for name, dtype in _ENTITY.items()}]),
        FIELDS: text,
    }
    features = {name: feature for name, (_, feature) in columns.items()}
    return pa.schema([(name, kind) for name, (kind, _) in columns.items()], metadata=metadata(features))


def _portion(schema: pa.Schema, numbers: dict[str, int], documents: Sequence[Document]) -> bytes:
    """As Arrow's stream; texts are numbered from the portion's first."""
    rows = [row for record, document in enumerate(documents) for row in _rows(record, document, numbers)]
    of_portion = schema.with_metadata({_NUM_TEXTS: str(len(documents))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, of_portion) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist(rows, of_portion))
    stored: bytes = sink.getvalue().to_pybytes()
    return stored


def _rows(record: int, document: Document, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    of_sentence: list[list[Entity]] = [[] for _ in document.sentences]
    for entity in document.entities:
        of_sentence[entity.sentence].append(entity)
    names = {name: _as_text(document.others.get(name)) for name in (ID, DOCUMENT)}
    rest = {name: value for name, value in document.others.items() if names.get(name) is None}
    fields = json.dumps(rest, ensure_ascii=False) if rest else None
    for number, (sentence, entities) in enumerate(zip(document.sentences, of_sentence)):
        if sentence.tokens:
            start = sentence.starts[0]
            yield {
                **names,
                RECORD: record,
                SENTENCE: number,
                START: start,
                SENTENCE_TEXT: document.text[start : sentence.ends[-1]],
                TOKENS: sentence.tokens,
                TAGS: _tags(sentence, entities, numbers),
                ENTITIES: [_entity(entity, start) for entity in entities],
                FIELDS: fields,
            }


def _as_text(value: object) -> str | None:
    """Numbers and texts name things, anything else does not."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _tags(sentence: Sentence, entities: Sequence[Entity], numbers: dict[str, int]) -> list[int]:
    tags = [numbers["O"]] * len(sentence.tokens)
    for entity in entities:
        inside = numbers[f"I-{entity.type}"]
        tags[entity.first_token : entity.end_token] = [inside] * (entity.end_token - entity.first_token)
        tags[entity.first_token] = numbers[f"B-{entity.type}"]
    return tags


def _entity(entity: Entity, start: int) -> dict[str, object]:
    return {
        "start": entity.start - start,
        "end": entity.end - start,
        "type": entity.type,
        "confidence": round(entity.confidence, 6),
        "text": entity.text,
    }


class _ParquetSink:
    def __init__(self, schema: pa.Schema, file: BinaryIO) -> None:
        self._schema, self._num_texts = schema, 0
        self._writer = pq.ParquetWriter(file, schema)

    def write(self, portion: bytes) -> None:
        table = pa.ipc.open_stream(portion).read_all()
        place = table.schema.get_field_index(RECORD)
        record = pa.array(table.column(RECORD).to_numpy() + self._num_texts, pa.int64())
        self._num_texts += int(table.schema.metadata[_NUM_TEXTS])
        if table.num_rows:
            table = table.set_column(place, table.schema.field(RECORD), record)
            self._writer.write_table(table.replace_schema_metadata(self._schema.metadata))

    def close(self) -> None:
        self._writer.close()
