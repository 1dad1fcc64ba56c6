"""The documents and the names of the sentences of a column file, as its marks or columns say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.sentences.block import NOTHING, SentenceIds
from data_prep.sentences.record import Origin
from ner_dist.contract.column_marks import Mark


class ColumnOrigins:
    """Follows the documents and names of one file, block by block.

    Axes: M tokens or rows, N sentences.
    """

    def __init__(self) -> None:
        self._number = 0
        self._is_first = True
        # Whether the last row of a column of names had none.
        self._is_outside = True
        self._name = ""
        # Of the documents that are not yet handed out completely.
        self._names: dict[int, str] = {}
        self._num_announced = 0
        # Lines and texts of the names of sentences to come.
        self._record_lines: list[int] = []
        self._records: list[str] = []

    def begin(self, name: str) -> int:
        """A document begins. Returns its number."""
        self._number += 1
        self._name = self._names[self._number] = name
        return self._number

    def of_marks(self, marks: Sequence[Mark], line_M: np.ndarray) -> np.ndarray:
        """The document of each token, int64 (M,), 0 before the first one; lines and marks are of the same block."""
        if self._is_first and len(line_M):
            self._is_first = False
            first = next((mark.line for mark in marks if mark.kind in ("document", "of_document")), 0)
            # What stands before the first mark is a document too.
            if not self._number and line_M[0] < first:
                self._number = 1
        lines, numbers = [0], [self._number]
        for mark in marks:
            if mark.kind == "record":
                self._record_lines.append(mark.line)
                self._records.append(mark.name)
            elif mark.kind == "document" or (mark.kind == "of_document" and mark.name != self._name):
                lines.append(mark.line)
                numbers.append(self.begin(mark.name))
        if len(lines) == 1:
            return np.full(len(line_M), self._number, np.int64)
        return np.array(numbers, np.int64)[np.searchsorted(lines, line_M, "right") - 1]

    def of_column(self, texts: Sequence[str], code_M: np.ndarray) -> np.ndarray:
        """The document of each row, int64 (M,), 0 if it has none: the name of row m's is texts[code_M[m]]."""
        if not len(code_M):
            return NOTHING
        changes = np.flatnonzero(np.append(True, code_M[1:] != code_M[:-1]))
        numbers = []
        for code in code_M[changes].tolist():
            name = texts[code]
            if name and (self._is_outside or name != self._name):
                self.begin(name)
            self._is_outside = not name
            numbers.append(self._number if name else 0)
        return np.repeat(np.array(numbers, np.int64), np.diff(np.append(changes, len(code_M))))

    def complete(self, block: SentenceIds) -> SentenceIds:
        """Whole sentences with what is known of their documents and names."""
        document_N = block.document_N
        if not len(document_N):
            return block
        last = int(document_N.max())
        names = {number: name for number, name in self._names.items() if name and self._num_announced < number <= last}
        first_N = block.line_M[np.cumsum(block.length_N) - block.length_N]
        origins = self._origins(first_N, document_N)
        self._num_announced = max(self._num_announced, last)
        self._names = {number: name for number, name in self._names.items() if number >= last}
        return block._replace(document_N=document_N if last else NOTHING, document_names=names, origins=origins)

    def _origins(self, first_N: np.ndarray, document_N: np.ndarray) -> list[bytes] | None:
        """None if these sentences have no names and their documents neither."""
        if not self._record_lines and not any(self._names.values()):
            return None
        # The last name before each sentence; it is that sentence's alone.
        record_N = np.searchsorted(self._record_lines, first_N, "right") - 1
        is_named_N = record_N > np.append(-1, record_N[:-1])
        origins = []
        for record, is_named, document in zip(record_N.tolist(), is_named_N.tolist(), document_N.tolist()):
            name = self._records[record] if is_named else ""
            origins.append(Origin(record=name, document=self._names.get(document, "")).to_bytes())
        num_used = int(record_N[-1]) + 1
        self._record_lines, self._records = self._record_lines[num_used:], self._records[num_used:]
        return origins
