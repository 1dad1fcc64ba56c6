"""Hugging Face data sets in Parquet or Arrow files: a row is a sentence of tokens and tags, or a text with entities.

Integers get their names from the file's own metadata or from --tag-names.
"""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.formats.arrow.fields import Table, batches, find_columns, record_of_row
from data_prep.formats.arrow.sentences import sentences_of_rows
from data_prep.formats.arrow.tables import kind_of, open_table
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.read_records import sentences_of_records
from data_prep.sentences.block import SentenceIds
from data_prep.sentences.record import Record


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    return kind_of(sample.head)


def read(source: Source) -> Iterator[SentenceIds]:
    with source.open() as file:
        table = find_columns(open_table(file, source.path, source.options.caps), source)
        if table.fields.text is None:
            yield from sentences_of_rows(source, table)
        else:
            yield from sentences_of_records(source._replace(options=table.options), _records(source, table))


def _records(source: Source, table: Table) -> Iterator[Record]:
    for first, batch in batches(source, table):
        for number, row in enumerate(batch.to_pylist(), first):
            try:
                yield record_of_row(number, row, table)
            except ValueError as error:
                source.refuse(number, error, kind="malformed_record")


PARQUET = Format(
    name="parquet",
    description="Parquet or Arrow files as of Hugging Face, with tokens and tags, or a text and entities, in each row",
    default_encoding="utf-8",
    evidence="the first bytes of a Parquet or Arrow file",
    recognise=recognise,
    read=read,
)
