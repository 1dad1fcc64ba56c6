"""How much may come of a file, so that none fills the memory or the disk; each limit has an option that raises it.

The defaults are far above what corpora have.
"""

from __future__ import annotations

import io
from typing import IO, NamedTuple

GIGABYTE, MEGABYTE = 10**9, 10**6
# Small files may be as repetitive as they like.
MIN_RATIO_BYTES = 256 * MEGABYTE
# Of an archive: the bytes that its list of files may take for each file, and those of a header.
_ENTRY_BYTES, _HEADER_BYTES = 400, 1 << 24


class OverCapError(Exception):
    """What is too much, and the option that allows it; `damage_named` adds the file's name."""


class Caps(NamedTuple):
    """The limits, by the names of their options without `max_`."""

    # Of what a compressed file or all files of an archive hold.
    unpacked_gb: float = 20
    # Of unpacked and stored bytes; text has 3 to 30.
    ratio: float = 100
    # In an archive.
    files: int = 200_000
    # Of a line of text, or a record of JSON; characters or bytes.
    line_mb: float = 32
    # Different tokens, tags, or values of a token feature.
    distinct: int = 20_000_000

    @property
    def line_chars(self) -> int:
        return int(self.line_mb * MEGABYTE)

    def check_unpacked(self, num_unpacked: int, num_stored: int) -> None:
        """Raise OverCapError if so much has come, or is said to come, of so few bytes."""
        if num_unpacked > self.unpacked_gb * GIGABYTE:
            raise OverCapError(
                f"unpacked it has more than {self.unpacked_gb:g} GB; if that is right, allow more with "
                "--max-unpacked-gb N"
            )
        if num_unpacked > max(MIN_RATIO_BYTES, self.ratio * num_stored):
            raise OverCapError(
                f"{num_stored / MEGABYTE:,.1f} MB of it become {num_unpacked / MEGABYTE:,.0f} MB when unpacked, "
                f"more than {self.ratio:g} times as much, which is not usual for a corpus; if it is right, allow it "
                "with --max-ratio N"
            )

    def check_files(self, num_files: int) -> None:
        if num_files > self.files:
            raise OverCapError(
                f"the archive holds more than {self.files:,} files; if that is right, allow more with --max-files N"
            )

    def line_message(self, what: str) -> str:
        return (
            f"{what} of more than {self.line_mb:g} million characters; is this text? If that is right, allow more with "
            "--max-line-mb N"
        )


CAPS = Caps()


def capped(content: IO[bytes], stored: Stored, caps: Caps) -> io.BufferedReader:
    """What a compressed stream holds, until it is too much. Raises OverCapError."""
    return io.BufferedReader(_Content(content, stored, caps))


class Stored(io.RawIOBase):
    """A compressed stream that knows how much was read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.num_bytes += len(data)
        return len(data)


class _Content(io.RawIOBase):
    def __init__(self, content: IO[bytes], stored: Stored, caps: Caps) -> None:
        self._content, self._stored, self._caps = content, stored, caps
        self._num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._content.read(len(buffer))
        buffer[: len(data)] = data
        self._num_bytes += len(data)
        self._caps.check_unpacked(self._num_bytes, self._stored.num_bytes)
        return len(data)


class ShortReads(io.RawIOBase):
    """An archive as the library that lists it sees it: sizes in it are not believed before memory is taken for them."""

    def __init__(self, file: IO[bytes], caps: Caps) -> None:
        self._file, self._caps = file, caps

    def read(self, num_bytes: int = -1) -> bytes:
        if num_bytes > max(_HEADER_BYTES, _ENTRY_BYTES * self._caps.files):
            self._caps.check_files(num_bytes // _ENTRY_BYTES)
        return self._file.read(num_bytes)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._file.seek(place, whence)
        except (OSError, ValueError, OverflowError) as error:
            raise EOFError("it names a place outside of it") from error

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
