"""Rows of tokens and tags -> blocks of sentences, column by column, without a Python object for each token.

Axes: R rows of a batch, one sentence each; M tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from data_prep.cutting.cut_records import cut_record
from data_prep.formats.arrow.fields import Table, batches, is_list, record_of_row
from data_prep.formats.corpus_format import Source
from data_prep.formats.json.records import name_of
from data_prep.problems import Complaint, CorpusError, complaints_of
from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.record import Origin


def sentences_of_rows(source: Source, table: Table) -> Iterator[SentenceIds]:
    """What is wrong with a row is reported, and the others go on. Raises CorpusError for columns of a wrong type."""
    # Imported once it is needed: it takes as long as all the rest of pyarrow.
    import pyarrow.compute as pc

    features = dict(table.fields.features)
    try:
        source.strings.features.require(features)
    except ValueError as error:
        source.refuse(1, error, kind="different_features")
        return
    # As SentenceIds has them: token, tag, features in the order of the corpus.
    tokens, tags = str(table.fields.tokens), str(table.fields.tags)
    columns = [tokens, tags, *(features[name] for name in source.strings.features)]
    numberings = [source.strings.token, source.strings.tag, *source.strings.features.values()]
    # Integers of tags have names, given by the file or the user; those of features may have.
    names_of = {**table.names, **({tags: table.options.tag_names} if table.options.tag_names else {})}
    _check_types(source, table, columns)
    documents = _Documents()
    for first, batch in batches(source, table):
        good_R = _good_rows(batch, columns, names_of)
        for i in np.flatnonzero(~good_R).tolist():
            for complaint in _faults(first + i, batch.slice(i, 1).to_pylist()[0], table):
                source.complain(first + i, complaint)
        number_R = first + np.flatnonzero(good_R)
        batch = batch if good_R.all() else batch.filter(pa.array(good_R))
        length_R = pc.list_value_length(batch.column(tokens)).to_numpy(zero_copy_only=False).astype(np.int64)
        coded = [_coded(batch.column(column).flatten(), names_of.get(column)) for column in columns]
        token_M, tag_M, *feature_FM = (ids.ids(texts)[code_M] for ids, (code_M, texts) in zip(numberings, coded))
        block = SentenceIds(token_M, tag_M, feature_FM, np.repeat(number_R, length_R), length_R)
        yield documents.add_to(block, source, batch, table) if len(length_R) else block


def _check_types(source: Source, table: Table, columns: list[str]) -> None:
    for column in columns:
        kind = table.rows.schema.field(column).type
        part = kind.value_type if is_list(kind) else None
        part = part.value_type if part is not None and pa.types.is_dictionary(part) else part
        is_text = part is not None and (pa.types.is_string(part) or pa.types.is_large_string(part))
        is_number = part is not None and pa.types.is_integer(part) and column != table.fields.tokens
        if not is_text and not is_number:
            expected = "a list of strings" if column == table.fields.tokens else "a list of strings or integers"
            raise CorpusError(f"{source.path}: the column {column!r} is of type {kind}, expected {expected}")


def _good_rows(batch: pa.RecordBatch, columns: list[str], names_of: dict[str, Any]) -> np.ndarray:
    """Whether all lists of a row have the same length, at least 1, and only values that have a meaning: bool (R,)."""
    import pyarrow.compute as pc

    good_R = np.ones(batch.num_rows, bool)
    first_R = None
    for column in columns:
        lists = batch.column(column)
        length_R = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        first_R = length_R if first_R is None else first_R
        good_R &= (length_R > 0) & (length_R == first_R)
        values = lists.flatten()
        bad = values.is_null()
        if column in names_of and pa.types.is_integer(values.type):
            outside = pc.or_(pc.less(values, 0), pc.greater_equal(values, len(names_of[column])))
            bad = pc.or_(bad, pc.fill_null(outside, True))
        elif column == columns[1] and pa.types.is_integer(values.type):
            # A file whose first rows had no tags at all.
            bad = pa.array(np.ones(len(values), bool))
        if pc.any(bad).as_py():
            # Not list_parent_indices, which also counts what lies behind rows without a list.
            row_M = np.repeat(np.arange(len(length_R)), length_R)
            good_R[row_M[bad.to_numpy(zero_copy_only=False)]] = False
    return good_R


def _faults(number: int, row: dict[str, Any], table: Table) -> Sequence[Complaint]:
    """What is wrong with a row, in the words of all formats."""
    try:
        errors = cut_record(record_of_row(number, row, table), lambda text: [], table.options.cut_options).errors
    except ValueError as error:
        errors = complaints_of(error, "malformed_record")
    return errors or [Complaint("malformed_record", "the lists of this row do not belong together")]


def _coded(values: pa.Array, names: tuple[str, ...] | None) -> tuple[np.ndarray, list[str]]:
    """Codes (M,), and the string of each code. names: of integers."""
    if pa.types.is_dictionary(values.type):
        # Its dictionary may hold strings that do not occur.
        values = values.cast(values.type.value_type)
    found = values.dictionary_encode()
    texts = found.dictionary.to_pylist()
    if pa.types.is_integer(values.type):
        texts = [str(number) if names is None else names[number] for number in texts]
    return found.indices.to_numpy(zero_copy_only=False), texts


class _Documents:
    """Numbers the documents of a file, and keeps the names of rows and documents."""

    def __init__(self) -> None:
        self._number = 0
        self._last = ""

    def add_to(self, block: SentenceIds, source: Source, batch: pa.RecordBatch, table: Table) -> SentenceIds:
        """batch: a row for each sentence of the block."""
        fields = table.fields
        if fields.id is None and fields.document is None:
            return block
        wanted = [name for name in (fields.id, fields.document) if name is not None]
        columns = [name if name in batch.schema.names else name.partition(".")[0] for name in wanted]
        rows = batch.select(list(dict.fromkeys(columns))).to_pylist()
        number_R, names, origins = [], {}, []
        for row in rows:
            document = name_of(row, fields.document) or ""
            if document != self._last:
                self._number += bool(document)
                self._last = document
                if document:
                    names[self._number] = document
            number_R.append(self._number if document else 0)
            origins.append(Origin(name_of(row, fields.id) or "", document).to_bytes())
        document_N = np.array(number_R, np.int64) if fields.document is not None else NOTHING
        return block._replace(document_N=document_N, document_names=names, origins=origins)
