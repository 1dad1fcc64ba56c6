"""Documents with entities -> spaCy's DocBin (.spacy). spaCy keeps all of them in memory, compactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from ner_dist.prediction.document_writer import DocumentWriter
from ner_dist.prediction.documents import Document
from ner_dist.prediction.tool_records import predicted_text
from ner_dist.tool_formats.docbin import docbin_document, new_docbin

# The largest numbers that DocBin stores; JSON has no bounds.
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1


def _portion(documents: Sequence[Document]) -> bytes:
    from spacy.vocab import Vocab

    vocab, found = Vocab(), new_docbin()
    for document in documents:
        others = {name: _storable(value) for name, value in document.others.items()}
        found.add(docbin_document(vocab, predicted_text(document), others))
    stored: bytes = found.to_bytes()
    return stored


def _storable(value: Any) -> Any:
    """A value of JSON in which numbers that are too large are text."""
    if isinstance(value, dict):
        return {name: _storable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_storable(part) for part in value]
    return str(value) if isinstance(value, int) and not _LEAST <= value <= _MOST else value


class _DocBinSink:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._documents = file, new_docbin()

    def write(self, portion: bytes) -> None:
        self._documents.merge(new_docbin().from_bytes(portion))

    def close(self) -> None:
        self._file.write(self._documents.to_bytes())


DOCBIN_WRITER = DocumentWriter(_portion, _DocBinSink)
