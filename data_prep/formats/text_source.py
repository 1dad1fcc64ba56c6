"""Source files, plain, .gz or .zip -> blocks of whole text lines; a byte that cannot be decoded is reported by line."""

from __future__ import annotations

import codecs
import gzip
import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from data_prep.problems import CorpusError

BLOCK_BYTES = 1 << 19
# A binary file may have no line ends, and must not fill the memory.
MAX_LINE_CHARS = 1 << 25
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Called with the number of bytes read from disk since the last call.
Progress = Callable[[int], object]
# Picks one of the files in a zip, or raises CorpusError.
Pick = Callable[[Path, list[str]], str]


def only_member(path: Path, names: list[str]) -> str:
    """The only file in a zip. Raises CorpusError unless there is exactly one."""
    if len(names) != 1:
        raise CorpusError(f"{path}: the zip holds {len(names)} files, expected one; unpack it and name the file")
    return names[0]


@contextmanager
def open_bytes(path: Path, progress: Progress | None = None, pick: Pick = only_member) -> Iterator[Iterator[bytes]]:
    """Blocks of a file's content, decompressed if its first bytes are those of gzip or zip.

    Raises CorpusError if the file is absent, empty, damaged or not readable.
    """
    if not path.is_file():
        raise CorpusError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    try:
        with open(path, "rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            if not magic:
                raise CorpusError(f"{path}: the file is empty")
            if magic[:2] == b"\x1f\x8b":
                with gzip.open(raw) as unpacked:
                    yield _blocks(unpacked, raw, progress)
            elif magic == b"PK\x03\x04":
                with zipfile.ZipFile(raw) as archive:
                    names = [name for name in archive.namelist() if not name.endswith("/")]
                    names = [name for name in names if not name.startswith("__MACOSX/")]
                    with archive.open(pick(path, names)) as member:
                        yield _blocks(member, raw, progress)
            else:
                yield _blocks(raw, raw, progress)
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorpusError(f"{path}: the compressed file is damaged or incomplete ({error})") from error
    except PermissionError as error:
        raise CorpusError(f"{path}: no permission to read the file") from error
    except (RuntimeError, NotImplementedError) as error:
        raise CorpusError(f"{path}: the zip cannot be read ({error}); unpack it and name the file") from error


def _blocks(stream: IO[bytes] | gzip.GzipFile, raw: IO[bytes], progress: Progress | None) -> Iterator[bytes]:
    seen = 0
    while block := stream.read(BLOCK_BYTES):
        if progress is not None:
            position = raw.tell()
            progress(position - seen)
            seen = position
        yield block


def head(path: Path, pick: Pick = only_member) -> bytes:
    """The first block of a file. Raises CorpusError as `open_bytes` does."""
    with open_bytes(path, pick=pick) as blocks:
        for block in blocks:
            return block
    raise CorpusError(f"{path}: the file is empty")


def choose_encoding(first_bytes: bytes, encoding: str | None, default: str) -> str:
    """The encoding of a byte-order mark, else the user's choice, else the format's default."""
    marked = (name for mark, name in BYTE_ORDER_MARKS if first_bytes.startswith(mark))
    return next(marked, encoding or default)


def split_lines(text: str) -> list[str]:
    r"""The lines of a block of text without their ends; only \n and \r\n end a line."""
    # str.splitlines would also split at NEL (cp1252's ellipsis, read as latin-1) and other characters.
    return text.replace("\r\n", "\n").removesuffix("\r").split("\n")


def text_blocks(path: Path, encoding: str, progress: Progress | None = None) -> Iterator[tuple[int, str]]:
    r"""(number of the first line, whole lines without the last \n) of one block after another; see `split_lines`.

    Raises CorpusError with file and line for bytes that are not text in `encoding`.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    number, rest = 1, ""
    with open_bytes(path, progress) as blocks:
        # The empty block ends the file.
        for block in itertools.chain(blocks, [b""]):
            try:
                decoded = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line = number + error.object[: error.start].decode(encoding, "ignore").count("\n")
                other = "cp1252" if encoding.startswith("utf") else "utf-8"
                raise CorpusError(
                    f"{path}:{line}: error: byte 0x{error.object[error.start]:02x} is not {encoding} text; "
                    f"pass the file's encoding, for example --encoding {other}"
                ) from error
            text, end, rest = (rest + decoded).rpartition("\n")
            if len(rest) > MAX_LINE_CHARS:
                raise CorpusError(f"{path}:{number}: a line of more than {MAX_LINE_CHARS:,} characters; is this text?")
            if end:
                yield number, text
                number += text.count("\n") + 1
    if rest:
        yield number, rest
