"""With which documents a file, or a piece of one, begins and ends: a document may go on in the next piece."""

from __future__ import annotations

from data_prep.sentences.block import SentenceIds


class DocumentEdges:
    """Which documents the first and the last sentence of a file belong to."""

    def __init__(self) -> None:
        self._first: str | None = None
        self._most, self._number, self._name = 0, 0, ""

    def add(self, block: SentenceIds) -> None:
        has_documents = bool(len(block.document_N))
        if self._first is None:
            self._first = block.document_names.get(int(block.document_N[0]), "") if has_documents else ""
        last = int(block.document_N[-1]) if has_documents else 0
        self._name = block.document_names.get(last, self._name if last and last == self._number else "")
        self._number = last
        # They are numbered as they come.
        self._most = max(self._most, int(block.document_N.max(initial=0)))

    def found(self, may_go_on: bool) -> tuple[int, str, str]:
        """The number of documents, and the names of the first and the last sentence's; "" if they have none.

        may_go_on: from one piece to the next.
        """
        return (self._most, self._first or "", self._name) if may_go_on else (self._most, "", "")
