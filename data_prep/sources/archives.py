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
from typing import IO, NamedTuple, Protocol, cast

from data_prep.sources.caps import CAPS, Caps, ShortReads
from data_prep.sources.compression import ZIP_MAGIC, damage_named, peek, unpacked

_TAR_BLOCK = 512


class Archive(Protocol):
    # Of the regular files in it, in their order; a dict, because it is searched.
    names: dict[str, None]

    def open(self, name: str) -> IO[bytes]:
        """A stream of a member's content. Raises KeyError if there is no such member."""

    def stored_bytes(self, name: str) -> int:
        """What a member takes of the archive; of a compressed tar, which is compressed as a whole, its own size."""


def archive_at(path: Path, caps: Caps = CAPS) -> Archive | None:
    """The archive in a file; None if it is none. Raises CorpusError if it is damaged, or holds more than `caps` allow.

    The last few stay open: a corpus may have thousands of members.
    """
    status = path.stat()
    return _opened(str(path), status.st_mtime_ns, status.st_size, caps)


@lru_cache(maxsize=4)
def _opened(path: str, mtime_ns: int, num_bytes: int, caps: Caps) -> Archive | None:
    with damage_named(path):
        raw = open(path, "rb")  # noqa: SIM115, a zip is read from it later
        if peek(raw, 4) in ZIP_MAGIC:
            return _Zip(raw, num_bytes, caps)
        content = unpacked(raw, caps)
        if not _begins_like_tar(peek(content, _TAR_BLOCK)):
            raw.close()
            return None
        if content is raw:
            return _Tar(raw, caps)
        # A compressed stream cannot be entered in the middle.
        spilled = tempfile.TemporaryFile(prefix="data-prep-")  # noqa: SIM115, read later
        shutil.copyfileobj(content, spilled, 1 << 20)
        raw.close()
        spilled.seek(0)
        return _Tar(spilled, caps)


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
    def __init__(self, raw: IO[bytes], num_bytes: int, caps: Caps) -> None:
        try:
            self._zip = zipfile.ZipFile(cast(IO[bytes], ShortReads(raw, caps)))
        except UnicodeDecodeError as error:
            raise zipfile.BadZipFile("a name in it is marked as UTF-8 and is not") from error
        members = self._zip.infolist()
        caps.check_files(len(members))
        # What is read of a member ends after the size that is stated here.
        caps.check_unpacked(sum(member.file_size for member in members), num_bytes)
        if sum(member.compress_size for member in members) > num_bytes:
            raise zipfile.BadZipFile("its files overlap")
        self.names = dict.fromkeys(name for name in self._zip.namelist() if not name.endswith("/"))

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def stored_bytes(self, name: str) -> int:
        return self._zip.getinfo(name).compress_size


class _Place(NamedTuple):
    start: int
    end: int


class _Tar:
    def __init__(self, file: IO[bytes], caps: Caps) -> None:
        self._file, self._lock = file, threading.Lock()
        self._places = {}
        with tarfile.open(fileobj=cast(IO[bytes], ShortReads(file, caps)), mode="r:") as members:
            for number, member in enumerate(members, 1):
                caps.check_files(number)
                if member.size < 0:
                    # Its end would be before its beginning, and the list endless.
                    raise tarfile.ReadError("a file of negative size")
                # Links are not followed: they may lead out of the archive.
                if member.isreg() and not member.issparse():
                    place = _Place(member.offset_data, member.offset_data + member.size)
                    self._places[member.name.removeprefix("./")] = place
            _check_end(ShortReads(file, caps), members)
        self.names = dict.fromkeys(self._places)

    def open(self, name: str) -> IO[bytes]:
        return io.BufferedReader(_Part(self._file, self._lock, self._places[name]))

    def stored_bytes(self, name: str) -> int:
        start, end = self._places[name]
        return end - start


def _check_end(file: ShortReads, members: tarfile.TarFile) -> None:
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
