"""Source files other than as text: seekable, with the files beside them, and what index.json says of them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO

from data_prep.sources.archives import archive_at
from data_prep.sources.compression import damage_named, unpacked
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import BLOCK_BYTES, only_member, open_bytes, open_stored


def stored_bytes(file: SourceFile) -> int:
    """How many bytes `progress` is told of while the file is read; 0 if there is no such file."""
    if not file.path.is_file():
        return 0
    if file.piece is not None:
        return file.piece.end - file.piece.begin
    archive = None if file.member is None else archive_at(file.path, file.caps)
    return file.path.stat().st_size if archive is None else archive.stored_bytes(str(file.member))


@contextmanager
def open_seekable(file: SourceFile) -> Iterator[IO[bytes]]:
    """The content of a file for formats that are not read from front to back; errors as of `open_bytes`.

    What is compressed or in an archive goes to a temporary file first.
    """
    stored, _ = open_stored(file, only_member, may_be_empty=False)
    with stored, ExitStack() as stack:
        with damage_named(str(file)):
            stream = unpacked(stored, file.caps)
            if stream is not stored or not stored.seekable():
                stream = stack.enter_context(_spooled(stream))
        yield stream


def _spooled(stream: IO[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="data-prep-")  # noqa: SIM115, closed by the caller
    shutil.copyfileobj(stream, file, BLOCK_BYTES)
    file.seek(0)
    return file


def read_sibling(file: SourceFile, name: str) -> bytes | None:
    """The content of another file beside one, on disk or in the same archive; None if there is none."""
    beside = _beside(file, name)
    if beside is None:
        return None
    with open_bytes(beside, may_be_empty=True) as blocks:
        return b"".join(blocks)


def _beside(file: SourceFile, name: str) -> SourceFile | None:
    if file.member is not None:
        member, archive = str(PurePosixPath(file.member).with_name(name)), archive_at(file.path, file.caps)
        return file._replace(member=member) if archive is not None and member in archive.names else None
    beside = file._replace(path=file.path.with_name(name))
    # Beside a temporary file lie those of others.
    return beside if not file.shown and beside.path.is_file() else None


def companions(file: SourceFile) -> list[SourceFile]:
    """The files that are read along with one."""
    names = companion_names(PurePosixPath(file.member or file.path.name).name)
    return [beside for beside in (_beside(file, name) for name in names) if beside is not None]


def companion_names(name: str) -> list[str]:
    """What is read along with a file of this name if it lies beside it: the text of annotations of brat's."""
    return [str(PurePosixPath(name).with_suffix(".txt"))] if name.lower().endswith(".ann") else []


def describe(file: SourceFile) -> dict[str, str | int]:
    """Name, size and sha256 of a file as it is stored, or of a member of an archive, for index.json."""
    digest, num_bytes = hashlib.sha256(), 0
    archive = None if file.member is None else archive_at(file.path, file.caps)
    with (
        damage_named(str(file)),
        open(file.path, "rb") if archive is None else archive.open(str(file.member)) as stored,
    ):
        while block := stored.read(BLOCK_BYTES):
            digest.update(block)
            num_bytes += len(block)
    return {"name": file.name, "num_bytes": num_bytes, "sha256": digest.hexdigest()}
