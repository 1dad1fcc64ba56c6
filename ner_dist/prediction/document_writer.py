"""How documents become a file: portions of bytes, which any rank makes, and a sink on the rank that writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from ner_dist.prediction.documents import Document


class Sink(Protocol):
    """A file that is being written. What has been written of it is not complete before `close`."""

    def write(self, portion: bytes) -> None:
        """Portions come in the order of their documents."""

    def close(self) -> None:
        """Write what is still to come. The file itself stays open."""


class DocumentWriter(NamedTuple):
    """A format of output."""

    portion: Callable[[Sequence[Document]], bytes]
    open: Callable[[BinaryIO], Sink]


class _TextSink:
    def __init__(self, file: BinaryIO, head: bytes, between: bytes, end: bytes) -> None:
        self._file, self._between, self._end = file, between, end
        self._has_portion = False
        file.write(head)

    def write(self, portion: bytes) -> None:
        # Documents of which a format has nothing to say.
        if portion:
            self._file.write(self._between + portion if self._has_portion else portion)
            self._has_portion = True

    def close(self) -> None:
        self._file.write(self._end)


def text_writer(
    document: Callable[[Document], str], head: str = "", between: str = "", end: str = ""
) -> DocumentWriter:
    """A format in UTF-8: its head, each document's text, what stands between two documents, its end."""

    def portion(documents: Sequence[Document]) -> bytes:
        return between.join(map(document, documents)).encode()

    return DocumentWriter(portion, lambda file: _TextSink(file, head.encode(), between.encode(), end.encode()))
