"""The files of a split, read one by one; find_sources.py finds those that the user names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, Union

from data_prep.sources.caps import CAPS, Caps
from ner_dist.stores.local_copies import by_address


class QuotedRows(NamedTuple):
    """Files are cut at the ends of lines that are in no quoted field of CSV."""

    delimiter: str


# Where files of a format may be cut: at the blank lines after sentences, at the ends of lines, before rows of which its
# reader knows that they begin sentences, or between rows.
CutAt = Union[Literal["sentences", "lines", "rows"], QuotedRows]


class Piece(NamedTuple):
    """A part of a file's bytes, which begins and ends where a reader may begin anew."""

    begin: int
    end: int
    # The number in the file of the line in which it begins.
    first_line: int
    # As it was decided on the whole file.
    encoding: str


class SourceFile(NamedTuple):
    """A file that is read as one source: on disk, or a member of an archive."""

    path: Path
    # Its name in the archive `path`, if that is one of several files.
    member: str | None = None
    # The folder that the user named, if it was found there.
    folder: Path | None = None
    # How to call the path, if it is a temporary file.
    shown: str = ""
    # The name of the document that the file is if it says nothing of documents; "" if it is none.
    document: str = ""
    # How much may come of it.
    caps: Caps = CAPS
    # What is read of it, if that is not all; only of files that are neither compressed nor in an archive.
    piece: Piece | None = None

    @property
    def whole(self) -> SourceFile:
        """The file without regard to pieces."""
        return self._replace(piece=None)

    def __str__(self) -> str:
        """For messages."""
        path = self.shown or by_address(str(self.path))
        return printable(f"{path}/{self.member}" if self.member else path)

    @property
    def name(self) -> str:
        """What the file is called, wherever its folder or archive lies; for index.json."""
        path = self.path.relative_to(self.folder).as_posix() if self.folder else self.shown or self.path.name
        return printable(f"{path}/{self.member}" if self.member else path)

    @property
    def stem(self) -> str:
        """The file's own name without its ending: of many corpora the name of a document."""
        return printable(PurePosixPath(self.member or self.name).stem)


def printable(name: str) -> str:
    """A name, which may be a stranger's, without characters that are no text or move a terminal's cursor."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


# The files of each split, in the order in which they are read.
Sources = list[tuple[str, SourceFile]]
