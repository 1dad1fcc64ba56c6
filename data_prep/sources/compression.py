"""Compressed streams, recognised by their first bytes -> streams of their content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa

from data_prep.problems import CorpusError
from data_prep.sources.caps import CAPS, Caps, OverCapError, Stored, capped

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
# What the libraries raise for content that is not what its beginning promised; bz2 and Arrow raise a bare OSError.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, pa.ArrowInvalid)
# A file that is compressed again and again is not a corpus.
_MAX_LAYERS = 3


def _zstandard(stream: IO[bytes]) -> Any:
    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


_LAYERS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
    (b"\x28\xb5\x2f\xfd", _zstandard),
)


def peek(stream: IO[bytes], num_bytes: int) -> bytes:
    """The next bytes, which stay unread; fewer at the end."""
    assert isinstance(stream, io.BufferedReader)
    return stream.peek(num_bytes)[:num_bytes]


def is_compressed(beginning: bytes) -> bool:
    return any(beginning.startswith(magic) for magic, _ in _LAYERS)


def unpacked(stream: IO[bytes], caps: Caps = CAPS) -> IO[bytes]:
    """The stream, or its content if it is compressed, also twice; `peek` works on it.

    Raises OverCapError if it is compressed more often, and when more is read from it than `caps` allow.
    """
    stored: Stored | None = None
    for _ in range(_MAX_LAYERS):
        # The concrete class of a file that was opened for reading.
        if not isinstance(stream, io.BufferedReader):
            stream = io.BufferedReader(stream)  # type: ignore[type-var]
        beginning = peek(stream, 8)
        opener = next((opener for magic, opener in _LAYERS if beginning.startswith(magic)), None)
        if opener is None:
            return stream
        layer = Stored(stream)
        # Of layers in layers, what is stored is the outermost.
        stored = stored or layer
        stream = capped(opener(io.BufferedReader(layer)), stored, caps)
    raise OverCapError("compressed more than twice; unpack it")


@contextmanager
def damage_named(shown: str) -> Iterator[None]:
    """Raises CorpusError for what cannot be read: a damaged file, one without permission, an encrypted archive."""
    try:
        yield
    except OverCapError as error:
        raise CorpusError(f"{shown}: {error}") from error
    except PermissionError as error:
        raise CorpusError(f"{shown}: no permission to read the file") from error
    except _DAMAGE as error:
        raise CorpusError(f"{shown}: the compressed file is damaged or incomplete ({error})") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise CorpusError(f"{shown}: the compressed file is damaged or incomplete ({error})") from error
    except RecursionError as error:
        raise CorpusError(f"{shown}: the archive is damaged (headers of headers without end)") from error
    except (RuntimeError, NotImplementedError) as error:
        # zipfile's, for a password or a method that it does not know.
        raise CorpusError(f"{shown}: the zip cannot be read ({error}); unpack it and name the file") from error
