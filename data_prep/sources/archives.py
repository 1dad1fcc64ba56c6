"""Archives of files: zip, and tar with any compression; members are read where they are, and nothing is extracted."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import threading
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from data_prep.sources.compression import ZIP_MAGIC, damage_named, peek, unpacked

_TAR_BLOCK = 512


class Archive(Protocol):
    # Of the regular files in it, in their order; a dict, because it is searched.
    names: dict[str, None]

    def open(self, name: str) -> IO[bytes]:
        """A stream of a member's content. Raises KeyError if there is no such member."""

    def stored_bytes(self, name: str) -> int:
        """What a member takes of the archive; of a compressed tar, which is compressed as a whole, its own size."""


def archive_at(path: Path) -> Archive | None:
    """The archive in a file; None if it is none. Raises CorpusError if it is damaged.

    The last few stay open: a corpus may have thousands of members.
    """
    status = path.stat()
    return _opened(str(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _opened(path: str, mtime_ns: int, num_bytes: int) -> Archive | None:
    with damage_named(path):
        raw = open(path, "rb")  # noqa: SIM115, a zip is read from it later
        if peek(raw, 4) in ZIP_MAGIC:
            return _Zip(raw)
        content = unpacked(raw)
        if not _begins_like_tar(peek(content, _TAR_BLOCK)):
            raw.close()
            return None
        if content is raw:
            return _Tar(raw)
        # A compressed stream cannot be entered in the middle.
        spilled = tempfile.TemporaryFile(prefix="data-prep-")  # noqa: SIM115, read later
        shutil.copyfileobj(content, spilled, 1 << 20)
        raw.close()
        spilled.seek(0)
        return _Tar(spilled)


def _begins_like_tar(block: bytes) -> bool:
    """The header of a tar's first member has a checksum."""
    if len(block) < _TAR_BLOCK or not (block[257:262] == b"ustar" or b"\0" in block):
        return False
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Zip:
    def __init__(self, raw: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(raw)
        self.names = dict.fromkeys(name for name in self._zip.namelist() if not name.endswith("/"))

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def stored_bytes(self, name: str) -> int:
        return self._zip.getinfo(name).compress_size


class _Place(NamedTuple):
    start: int
    end: int


class _Tar:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._lock = file, threading.Lock()
        with tarfile.open(fileobj=file, mode="r:") as members:
            self._places = {
                member.name.removeprefix("./"): _Place(member.offset_data, member.offset_data + member.size)
                for member in members
                if member.isreg() and not member.issparse()
            }
            _check_end(file, members)
        self.names = dict.fromkeys(self._places)

    def open(self, name: str) -> IO[bytes]:
        return io.BufferedReader(_Part(self._file, self._lock, self._places[name]))

    def stored_bytes(self, name: str) -> int:
        start, end = self._places[name]
        return end - start


def _check_end(file: IO[bytes], members: tarfile.TarFile) -> None:
    """Raises TarError if what follows the last member is damaged: tarfile takes it for the end."""
    last = members.getmembers()[-1]
    file.seek(last.offset_data + (-(-last.size // _TAR_BLOCK) * _TAR_BLOCK if last.isreg() else 0))
    if any(file.read(_TAR_BLOCK)):
        raise tarfile.ReadError("no file's header where one is expected")


class _Part(io.RawIOBase):
    """A part of a file that several threads read."""

    def __init__(self, file: IO[bytes], lock: threading.Lock, place: _Place) -> None:
        self._file, self._lock, self._place = file, lock, place
        self._position = place.start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._place.end - self._position)
        with self._lock:
            self._file.seek(self._position)
            data = self._file.read(wanted)
        if wanted and not data:
            raise EOFError("the archive ends within a file")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
