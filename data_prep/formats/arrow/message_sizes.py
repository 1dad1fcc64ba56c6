"""What Arrow files say of their sizes, checked before Arrow takes memory for it.

Of the messages, which are FlatBuffers, this reads only the uncompressed sizes of compressed parts (Message.fbs).
"""

from __future__ import annotations

import struct
from typing import IO

import numpy as np
import pyarrow as pa

from data_prep.sources.caps import Caps

# A message's header, and in it those of batches: kinds and places in their tables.
_HEADER_KIND, _HEADER = 1, 2
_DICTIONARY, _BATCH = 2, 3
_DICTIONARY_DATA, _BUFFERS, _COMPRESSION = 1, 2, 3


def check_messages(file: IO[bytes], num_bytes: int, caps: Caps) -> None:
    """The messages of a stream, from where the file is. Raises OverCapError, and what Arrow raises for damage."""
    num_unpacked = 0
    for message in pa.ipc.MessageReader.open_stream(file):
        try:
            num_unpacked += _unpacked(memoryview(message.metadata), message.body)
        except struct.error as error:
            raise pa.ArrowInvalid(f"a message that is no message: {error}") from error
        caps.check_unpacked(num_unpacked, num_bytes)


def _unpacked(message: memoryview, body: pa.Buffer | None) -> int:
    """Bytes that the parts of a message's body have uncompressed; 0 of one that is not compressed."""
    (root,) = struct.unpack_from("<I", message)
    kind, header = _place(message, root, _HEADER_KIND), _table(message, root, _HEADER)
    if kind is None or header is None or body is None:
        return 0
    batch = _table(message, header, _DICTIONARY_DATA) if message[kind] == _DICTIONARY else header
    if message[kind] not in (_DICTIONARY, _BATCH) or batch is None:
        return 0
    buffers = _table(message, batch, _BUFFERS)
    if buffers is None or _table(message, batch, _COMPRESSION) is None:
        return 0
    (count,) = struct.unpack_from("<I", message, buffers)
    content, num_unpacked = memoryview(body), 0
    for place in range(buffers + 4, buffers + 4 + 16 * count, 16):
        offset, length = struct.unpack_from("<qq", message, place)
        if length >= 8 and offset >= 0:
            # -1 of a part that is not compressed.
            num_unpacked += max(0, struct.unpack_from("<q", content, offset)[0])
    return num_unpacked


def _place(message: memoryview, table: int, number: int) -> int | None:
    """Where a table has its field of this number; None if it does not have it."""
    (to_fields,) = struct.unpack_from("<i", message, table)
    fields = table - to_fields
    (num_bytes,) = struct.unpack_from("<H", message, fields)
    if 4 + 2 * number >= num_bytes:
        return None
    (offset,) = struct.unpack_from("<H", message, fields + 4 + 2 * number)
    return table + int(offset) if offset else None


def _table(message: memoryview, table: int, number: int) -> int | None:
    """The table or vector to which a field points."""
    place = _place(message, table, number)
    return None if place is None else place + int(struct.unpack_from("<I", message, place)[0])


def check_rows(batch: pa.RecordBatch) -> None:
    """Raises ArrowInvalid for more rows than can have any content: columns of nulls take no memory, but rows do."""
    if batch.num_rows > np.iinfo(np.uint16).max + batch.nbytes:
        raise pa.ArrowInvalid(f"{batch.num_rows:,} rows in {batch.nbytes:,} bytes")
