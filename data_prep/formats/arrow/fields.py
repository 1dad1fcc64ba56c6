"""Which columns of a Parquet or Arrow file hold tokens, tags, text and entities; and a row of it as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from data_prep.formats.arrow.tables import ArrowTable, class_names
from data_prep.formats.corpus_format import ReadOptions, Source
from data_prep.formats.json.fields import Fields, find_candidates, settle
from data_prep.formats.json.records import record_of
from data_prep.formats.json.spans import keys_of
from data_prep.problems import CorpusError
from data_prep.sentences.record import Record

# The first rows show what the columns are.
NUM_SAMPLE_ROWS = 50
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


class Table(NamedTuple):
    """An open file, and what its columns are."""

    rows: ArrowTable
    fields: Fields
    # Names of the integers of columns.
    names: dict[str, tuple[str, ...]]
    # With the tag names of the file, if the user has given none.
    options: ReadOptions

    @property
    def columns(self) -> list[str]:
        """Those to read; of a field inside another, the outer one."""
        wanted = [*self.fields[:6], *(field for _, field in self.fields.features)]
        there = self.rows.schema.names
        names = {name if name in there else name.partition(".")[0] for name in wanted if name}
        return [name for name in there if name in names]


def find_columns(rows: ArrowTable, source: Source) -> Table:
    """By the first rows. Raises CorpusError if it is not clear which columns are meant."""
    names = class_names(rows.schema)
    sample = [_plain(row, rows.schema, names) for row in _first_rows(rows)]
    if not sample:
        raise CorpusError(f"{source.path}: the file has no rows")
    candidates = find_candidates(sample, source.options, source.path)
    of_tags = next((names[column] for column in candidates.tags if column in names), None)
    given = source.options.tag_names
    if given is not None and of_tags is not None and given != of_tags:
        raise CorpusError(
            f"{source.path}: the file itself names its tags {', '.join(of_tags)}, and --tag-names {', '.join(given)}; "
            "leave the option out"
        )
    options = source.options._replace(tag_names=given or of_tags)
    fields = settle(candidates, sample, options, source.path)
    if fields.text is None:
        # Without a text, entities by characters say nothing: some data sets list the names that occur.
        fields = fields._replace(spans=None)
    for name, column in fields.features:
        if not is_list(rows.schema.field(column).type):
            kind = rows.schema.field(column).type
            raise CorpusError(f"{source.path}: --feature {name}={column}: the column is no list, but of type {kind}")
    return Table(rows, fields, names, options)


def _first_rows(rows: ArrowTable) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in rows.batches(None):
        found += batch.slice(0, NUM_SAMPLE_ROWS - len(found)).to_pylist()
        if len(found) >= NUM_SAMPLE_ROWS:
            break
    return found


def is_list(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _LISTS)


def _plain(row: dict[str, Any], schema: pa.Schema, names: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """A row as JSON would have it: entities as objects in a list, with their types by name."""
    for column, value in row.items():
        kind = schema.field(column).type
        if isinstance(value, dict) and pa.types.is_struct(kind) and all(is_list(part.type) for part in kind):
            # A Sequence of dicts is stored as a dict of lists.
            value = [dict(zip(value, parts)) for parts in zip(*(part or () for part in value.values()))]
        if isinstance(value, list) and column in names:
            value = [_with_type_name(part, names[column]) for part in value]
        row[column] = value
    return row


def _with_type_name(value: Any, names: Sequence[str]) -> Any:
    keys = keys_of(value) if isinstance(value, dict) else None
    if keys is not None and type(number := value[keys.type]) is int and 0 <= number < len(names):
        return {**value, keys.type: names[number]}
    return value


def record_of_row(number: int, row: dict[str, Any], table: Table) -> Record:
    """Raises ValueError that says what is wrong with the row."""
    row = _plain(row, table.rows.schema, table.names)
    for name, column in table.fields.features:
        names, values = table.names.get(column), row[column]
        if names is not None and isinstance(values, list):
            for value in values:
                if type(value) is int and not 0 <= value < len(names):
                    raise ValueError(f"{value} in {column!r} ({name}) has no name; there are {len(names)}")
            row[column] = [names[value] if type(value) is int else value for value in values]
    return record_of(number, row, table.fields, table.options)


def batches(source: Source, table: Table) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(number of the first row, from 1; rows), with progress."""
    first, told = 1, 0
    for batch in table.rows.batches(table.columns):
        if batch.num_rows:
            yield first, batch
        first += batch.num_rows
        if source.progress is not None and table.rows.num_rows:
            done = source.num_bytes * (first - 1) // table.rows.num_rows
            source.progress(done - told)
            told = done
    if source.progress is not None:
        source.progress(source.num_bytes - told)
