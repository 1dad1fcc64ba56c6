"""Parquet and Arrow files as batches of rows, and what Hugging Face writes into them about their columns."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.formats.arrow.message_sizes import check_messages, check_rows
from data_prep.formats.arrow.parquet_sizes import check_parquet
from data_prep.problems import CorpusError
from data_prep.sources.caps import CAPS, Caps, OverCapError

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
# Before the first message of a stream of Arrow's, which `datasets` writes.
STREAM_MAGIC = b"\xff\xff\xff\xff"
# Of a batch, uncompressed.
BATCH_BYTES = 1 << 22
MAX_BATCH_ROWS = 1 << 16
# Before the first message of a file: the magic bytes, and two of padding.
_FILE_HEADER_BYTES = 8
# A size that is stated and cannot be is seen when memory is taken for it.
_DAMAGE = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)


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
        except _DAMAGE:
            return None
        return "a stream of Arrow's by its first bytes"
    return None


def _damaged(shown: str, error: BaseException) -> CorpusError:
    reason = "it states sizes that it cannot have" if isinstance(error, MemoryError) else str(error)
    return CorpusError(f"{shown}: the file is damaged or incomplete ({reason})")


def open_table(file: IO[bytes], shown: str, caps: Caps = CAPS) -> ArrowTable:
    """Raises CorpusError for a file that is damaged, or holds more than `caps` allow."""
    magic = file.read(len(ARROW_MAGIC))
    num_bytes = file.seek(0, io.SEEK_END)
    try:
        if magic.startswith(PARQUET_MAGIC):
            check_parquet(file, num_bytes, caps)
            file.seek(0)
            return _parquet(pq.ParquetFile(file), shown)
        # An Arrow file is a stream with an end by which its parts could be found in any order.
        begin = file.seek(_FILE_HEADER_BYTES if magic == ARROW_MAGIC else 0)
        check_messages(file, num_bytes, caps)
        file.seek(begin)
        schema = pa.ipc.open_stream(file).schema
        _check_names(schema)
        # Each reading begins anew.
        return ArrowTable(schema, lambda names: _sound(_of_stream(file, begin, names), shown), None)
    except OverCapError as error:
        raise CorpusError(f"{shown}: {error}") from error
    except _DAMAGE as error:
        raise _damaged(shown, error) from error


def _parquet(opened: pq.ParquetFile, shown: str) -> ArrowTable:
    facts = opened.metadata
    _check_names(opened.schema_arrow)
    num_bytes = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
    # A row may be a sentence or a book.
    batch_rows = max(1, min(MAX_BATCH_ROWS, BATCH_BYTES * facts.num_rows // max(1, num_bytes)))

    def batches(names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        return _sound(opened.iter_batches(batch_rows, columns=None if names is None else list(names)), shown)

    return ArrowTable(opened.schema_arrow, batches, facts.num_rows)


def _check_names(fields: Iterable[pa.Field]) -> None:
    """Raises UnicodeDecodeError, at once, if a name is not UTF-8."""
    for field in fields:
        assert isinstance(field.name, str)
        kind = field.type
        _check_names(kind.field(i) for i in range(kind.num_fields) if not pa.types.is_dictionary(kind))


def _of_stream(file: IO[bytes], begin: int, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    file.seek(begin)
    for batch in pa.ipc.open_stream(file):
        yield batch if names is None else batch.select(list(names))


def _sound(batches: Iterator[pa.RecordBatch], shown: str) -> Iterator[pa.RecordBatch]:
    """The batches, as long as they can be read and are what Arrow expects, such as UTF-8. Raises CorpusError."""
    try:
        for batch in batches:
            # Before anything else: what is done with a batch that is damaged may end the process.
            batch.validate(full=True)
            check_rows(batch)
            yield batch
    except _DAMAGE as error:
        raise _damaged(shown, error) from error


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
