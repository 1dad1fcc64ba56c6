"""What a Parquet file says of its sizes, checked before Arrow takes memory for it: footer, and header of each page.

They are structs of Thrift's compact protocol, read here as {number of the field: value}. Not through Arrow's own
metadata: some of its getters end the process if the footer is damaged.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from data_prep.sources.caps import Caps, OverCapError

# Fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and PageHeader, of parquet.thrift.
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3
_COMPRESSED_SIZE, _DATA_PAGES, _DICTIONARY_PAGE = 7, 9, 11
_UNPACKED_SIZE, _PAGE_SIZE, _OF_KINDS, _NUM_VALUES = 2, 3, (5, 7, 8), 1
# Values that are all the same take next to nothing.
_FREE_VALUES = 1 << 24
# A header has the smallest and the largest value of its page.
_HEADER_BYTES, _MAX_HEADER_BYTES = 1 << 10, 1 << 24
_MAX_DEPTH = 16


def check_parquet(file: IO[bytes], num_bytes: int, caps: Caps) -> None:
    """Raises OverCapError, and ArrowInvalid or OSError for a file that is damaged."""
    try:
        num_unpacked = 0
        for chunk in _chunks(file, num_bytes):
            num_values = 0
            for page in _pages(file, chunk):
                num_unpacked += page[_UNPACKED_SIZE]
                num_values += max(page[kind][_NUM_VALUES] for kind in _OF_KINDS if kind in page)
                caps.check_unpacked(num_unpacked, num_bytes)
                if num_values > max(_FREE_VALUES, caps.ratio * num_bytes):
                    raise OverCapError(
                        f"it says that one of its columns holds {num_values:,} values in {num_bytes:,} bytes; if that "
                        "is right, allow it with --max-ratio N"
                    )
    except (struct.error, LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise pa.ArrowInvalid("its footer or the header of a page is damaged") from error


def _chunks(file: IO[bytes], num_bytes: int) -> Iterator[dict[int, Any]]:
    """The metadata of each column of each row group."""
    file.seek(max(0, num_bytes - 8))
    (footer_bytes,) = struct.unpack("<I", file.read(4))
    file.seek(num_bytes - 8 - footer_bytes)
    footer = _Reader(file.read(footer_bytes)).struct()
    for group in footer[_ROW_GROUPS]:
        yield from (column[_META_DATA] for column in group[_COLUMNS])


def _pages(file: IO[bytes], chunk: dict[int, Any]) -> Iterator[dict[int, Any]]:
    """The header of each page of a column in a row group."""
    place = min(filter(None, (chunk.get(_DICTIONARY_PAGE), chunk[_DATA_PAGES])))
    end = place + chunk[_COMPRESSED_SIZE]
    while place < end:
        page, num_header_bytes = _header(file, place)
        if page[_PAGE_SIZE] < 0 or page[_UNPACKED_SIZE] < 0:
            raise ValueError("a page of negative size")
        yield page
        place += num_header_bytes + page[_PAGE_SIZE]


def _header(file: IO[bytes], place: int) -> tuple[dict[int, Any], int]:
    """Of the page at a place, and its length."""
    num_bytes = _HEADER_BYTES
    while True:
        file.seek(place)
        reader = _Reader(file.read(num_bytes))
        try:
            return reader.struct(), reader.tell()
        except struct.error:
            num_bytes *= 8
            if num_bytes > _MAX_HEADER_BYTES:
                raise


class _Reader:
    """Raises struct.error where the bytes end."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._num_bytes = len(data)

    def tell(self) -> int:
        return self._file.tell()

    def _byte(self) -> int:
        (byte,) = struct.unpack("B", self._file.read(1))
        return int(byte)

    def _varint(self) -> int:
        number, shift = 0, 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _signed(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._signed()
            found[number] = self._value(byte & 15, depth) if byte & 15 > 2 else byte & 15 == 1
        return found

    def _value(self, kind: int, depth: int) -> Any:
        """kind: of the protocol's; booleans among the elements of a list take a byte."""
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._varint())
        if kind in (9, 10):
            byte = self._byte()
            return [self._value(byte & 15, depth + 1) for _ in range(byte >> 4 if byte >> 4 < 15 else self._varint())]
        if kind == 11 and (count := self._varint()):
            kinds = self._byte()
            return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)]
        if kind == 12:
            return self.struct(depth + 1)
        if kind == 11:
            return []
        raise ValueError(f"a value of the kind {kind}")

    def _skip(self, num_bytes: int) -> None:
        if self._file.tell() + num_bytes > self._num_bytes:
            raise struct.error("the bytes end")
        self._file.seek(num_bytes, io.SEEK_CUR)
