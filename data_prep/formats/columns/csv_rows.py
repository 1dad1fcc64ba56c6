"""Which rows of a table begin sentences, and which documents they are of."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.formats.columns.csv_header import Table, split_row
from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.columns.parse_columns import ColumnBlock, ParsedColumns, code_rows
from data_prep.formats.columns.plan import named_tags
from data_prep.formats.columns.rows import Rows, drop_separators, rows_with, with_tags, without
from data_prep.formats.corpus_format import Source
from data_prep.problems import CorpusError
from data_prep.sources.text_source import split_lines

# What stands where a row has no value: pandas and databases write it so.
NOTHING = frozenset(("", "nan", "NaN", "<NA>", "None", "NULL", "null"))


class _Openings(NamedTuple):
    """What is known of M rows, those that are blank included."""

    columns: list[pa.DictionaryArray]
    line_M: np.ndarray
    # Whether a row has neither a token nor a tag; whether a sentence begins there; and whether that is certain without
    # the rows before the file, or the piece of it.
    blank_M: np.ndarray
    opens_M: np.ndarray
    sure_M: np.ndarray
    # None if no column says it.
    document_M: np.ndarray | None


class TableRows:
    """Finds the sentences and documents of one block of rows after another."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.origins = ColumnOrigins()
        self._tag_of = named_tags(source.options.tag_names) if source.options.tag_names else str
        # Of the last row: its label or, if it had none, the one before; its line; its document.
        self._label, self._last_line, self._document = "", 1, 0
        self._any_rows = False
        # Rows; and sentences that were opened, by labels, and those whose label had been there before others.
        self._num_rows, self._num_opened, self._num_again = 0, 0, 0
        self._seen: set[str] = set()
        # Whether a column says where sentences begin.
        self.has_labels = True

    def of(self, table: Table, block: ColumnBlock) -> tuple[Rows, np.ndarray | None]:
        """The rows of tokens, and the document of each: int64 (M,), None if no column says it."""
        found = self._openings(table, block)
        document_M, blank_M = found.document_M, found.blank_M
        if self.source.from_beginning is not None and document_M is not None and blank_M.any():
            # Where nothing but a blank row is of a document, the next piece cannot know of it.
            raise CorpusError(f"{self.source.path}: blank rows among documents, which only the whole file numbers")
        num_columns = 2 + len(table.features)
        rows = Rows(with_tags(self._tag_of, found.columns[:num_columns]), found.line_M, found.opens_M, ended=False)
        return without(rows, blank_M), document_M if document_M is None else document_M[~blank_M]

    def sure_lines(self, table: Table, block: ColumnBlock) -> list[int]:
        """The lines in which sentences begin, whatever stands before the first block."""
        found = self._openings(table, block)
        if found.document_M is not None and found.blank_M.any():
            # See `of`.
            return []
        return found.line_M[found.opens_M & found.sure_M & ~found.blank_M].tolist()

    def _openings(self, table: Table, block: ColumnBlock) -> _Openings:
        columns, place_M = block.table or _parse_one_by_one(table, block, self.source)
        line_M = block.first_line + place_M
        blank_M = _blank_rows(columns)
        sure_M = np.ones(len(line_M), bool)
        if table.sentence is not None:
            labels, before = columns[2 + len(table.features)], self._label
            labelled, opens_M, self._label = _by_labels(labels, before)
            sure_M[:] = False
            # The first label may be that of the rows before, which go on.
            sure_M[labelled if before else labelled[1:]] = True
            self._count_labels(labels, opens_M)
        else:
            self.has_labels = False
            # Arrow skips empty lines.
            opens_M = (line_M != np.append(self._last_line, line_M)[:-1] + 1) | blank_M
            opens_M[1:] |= blank_M[:-1]
            sure_M[:1] = self._any_rows
        document_M = None
        if table.document is not None:
            names = columns[-1]
            document_M = self.origins.of_column(names.dictionary.to_pylist(), names.indices.to_numpy())
            opens_M |= document_M != np.append(self._document, document_M)[:-1]
        if len(line_M):
            self._any_rows, self._last_line = True, int(line_M[-1])
            self._document = int(document_M[-1]) if document_M is not None else 0
        return _Openings(columns, line_M, blank_M, opens_M, sure_M, document_M)

    def _count_labels(self, labels: pa.DictionaryArray, opens_M: np.ndarray) -> None:
        num_opened = int(np.count_nonzero(opens_M))
        self._num_rows += len(opens_M)
        self._num_opened += num_opened
        # Labels are many, and those of sentences that stand together need not be kept.
        if len(opens_M) < 2 * num_opened:
            texts = labels.dictionary.to_pylist()
            num_seen = len(self._seen)
            self._seen.update(texts[code] for code in labels.indices.to_numpy()[opens_M])
            self._num_again += num_opened - (len(self._seen) - num_seen)

    def are_scattered(self) -> bool:
        """Whether rows of a sentence stand apart from each other; labels may begin anew in each document.

        Raises CorpusError if this is a piece of a file, and the whole has to tell.
        """
        few = self._num_rows < 2 * self._num_opened
        if few and self.source.from_beginning is not None:
            raise CorpusError(f"{self.source.path}: the whole file tells whether the rows of a sentence stand together")
        return few and self._num_opened >= 10 and 2 * self._num_again >= self._num_opened


def _parse_one_by_one(table: Table, block: ColumnBlock, source: Source) -> ParsedColumns:
    """The valid rows of a block; the others are reported."""
    num_columns, wanted = block.layout
    rows, places = [], []
    for place, line in enumerate(split_lines(block.text)):
        try:
            row = split_row(line, table.delimiter, table.quoted) if line else []
        except csv.Error as error:
            what = "a quoted field opened here does not end on this line" if "end of data" in str(error) else str(error)
            source.error(block.first_line + place, f"not a row of CSV: {what}", "malformed_line")
            continue
        if row and len(row) != num_columns:
            number = block.first_line + place
            what = f"the row has {len(row)} fields, the header {num_columns}"
            if source.is_invisible(number, line):
                continue
            if not drop_separators(source, number, row, num_columns, what, line):
                continue
        if row:
            rows.append(row)
            places.append(place)
    return ParsedColumns(code_rows(rows, wanted), np.array(places, np.int64))


def _by_labels(labels: pa.DictionaryArray, label: str) -> tuple[np.ndarray, np.ndarray, str]:
    """The rows that have a label; whether each of M rows opens a sentence, that is, has another label than the last
    labelled row; and the last label. label: the last one before."""
    texts, code_M = labels.dictionary.to_pylist(), labels.indices.to_numpy()
    codes = {text: code for code, text in enumerate(texts)}
    labelled = np.flatnonzero(~np.isin(code_M, [codes[text] for text in NOTHING if text in codes]))
    code = code_M[labelled]
    opens_M = np.zeros(len(code_M), bool)
    # Some copies of the Kaggle corpus repeat the sentence's label on each of its rows.
    opens_M[labelled] = code != np.append(codes.get(label, -1), code[:-1])[: len(code)]
    return labelled, opens_M, texts[code[-1]] if len(code) else label


def _blank_rows(columns: Sequence[pa.DictionaryArray]) -> np.ndarray:
    """Which rows have neither a token nor a tag: bool (M,)."""
    if not _holds_empty(columns[0].dictionary):
        return np.zeros(len(columns[0]), bool)
    return rows_with(columns[0], lambda token: not token) & rows_with(columns[1], lambda tag: tag in NOTHING)


def _holds_empty(texts: pa.StringArray) -> bool:
    """Whether one of the strings is empty."""
    # Not texts.index(""): it loads pyarrow.compute, which takes longer than reading a small corpus.
    if not len(texts):
        return False
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bool((offsets[1:] == offsets[:-1]).any())
