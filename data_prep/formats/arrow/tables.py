"""Parquet and Arrow files as batches of rows, and what Hugging Face writes into them about their columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.problems import CorpusError

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
# Before the first message of a stream of Arrow's, which `datasets` writes.
STREAM_MAGIC = b"\xff\xff\xff\xff"
# Of a batch, uncompressed.
BATCH_BYTES = 1 << 22
MAX_BATCH_ROWS = 1 << 16


class ArrowTable(NamedTuple):
    schema: pa.Schema
    # Batches of the rows, of these columns or, with None, all.
    batches: Callable[[Sequence[str] | None], Iterator[pa.RecordBatch]]
    # None if only the last batch tells.
    num_rows: int | None


def kind_of(head: bytes) -> str | None:
    """What a file with this beginning is, for the user; None if it is nothing of Arrow's."""
    if head.startswith(PARQUET_MAGIC):
        return "a Parquet file by its first bytes"
    if head.startswith(ARROW_MAGIC):
        return "an Arrow file by its first bytes"
    if head.startswith(STREAM_MAGIC):
        try:
            pa.ipc.open_stream(head)
        except (pa.ArrowInvalid, OSError):
            return None
        return "a stream of Arrow's by its first bytes"
    return None


def open_table(file: IO[bytes], shown: str) -> ArrowTable:
    """Raises CorpusError for a file that is damaged."""
    magic = file.read(len(ARROW_MAGIC))
    file.seek(0)
    try:
        if magic.startswith(PARQUET_MAGIC):
            return _parquet(pq.ParquetFile(file), shown)
        if magic == ARROW_MAGIC:
            reader = pa.ipc.open_file(file)
            return ArrowTable(reader.schema, lambda names: _sound(_of_file(reader, names), shown), None)
        # Each reading begins anew.
        return ArrowTable(pa.ipc.open_stream(file).schema, lambda names: _sound(_of_stream(file, names), shown), None)
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{shown}: the file is damaged or incomplete ({error})") from error


def _parquet(opened: pq.ParquetFile, shown: str) -> ArrowTable:
    facts = opened.metadata
    num_bytes = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
    # A row may be a sentence or a book.
    batch_rows = max(1, min(MAX_BATCH_ROWS, BATCH_BYTES * facts.num_rows // max(1, num_bytes)))

    def batches(names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        return _sound(opened.iter_batches(batch_rows, columns=None if names is None else list(names)), shown)

    return ArrowTable(opened.schema_arrow, batches, facts.num_rows)


def _of_file(reader: Any, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    return (batch if names is None else batch.select(list(names)) for batch in batches)


def _of_stream(file: IO[bytes], names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    file.seek(0)
    return (batch if names is None else batch.select(list(names)) for batch in pa.ipc.open_stream(file))


def _sound(batches: Iterator[pa.RecordBatch], shown: str) -> Iterator[pa.RecordBatch]:
    """The batches, as long as they can be read and are what Arrow expects, such as UTF-8. Raises CorpusError."""
    try:
        for batch in batches:
            batch.validate(full=True)
            yield batch
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{shown}: the file is damaged or incomplete ({error})") from error


def class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """The names of the integers of each column that is a ClassLabel of Hugging Face's or contains some.

    They are in the metadata: {"info": {"features": {COLUMN: FEATURE}}}; a list is {"feature": FEATURE, "_type": "List"
    or "Sequence"} or [FEATURE], and a struct is {FIELD: FEATURE}.
    """
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    if not isinstance(features, dict):
        return {}
    found = {column: _names_in(feature) for column, feature in features.items()}
    return {column: names for column, names in found.items() if names}


def _names_in(feature: Any) -> tuple[str, ...]:
    """Of the first ClassLabel in a feature; empty if there is none."""
    if isinstance(feature, dict):
        if feature.get("_type") == "ClassLabel":
            names = feature.get("names")
            return tuple(map(str, names)) if isinstance(names, list) else ()
        parts = list(feature.values())
    else:
        parts = feature if isinstance(feature, list) else []
    return next((found for part in parts if (found := _names_in(part))), ())
