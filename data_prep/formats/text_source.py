"""Source files, plain, .gz or .zip -> numbered blocks of text lines; bad bytes are named by file and line."""

from __future__ import annotations

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from data_prep.problems import CorpusError

BLOCK_BYTES = 1 << 19
# Text of a corpus has line ends; a binary file may have none, and must not fill the memory.
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
# Chooses one of the files that a zip holds, or raises CorpusError.
Pick = Callable[[Path, list[str]], str]


def only_member(path: Path, names: list[str]) -> str:
    """The one file of a zip. Raises CorpusError if it holds another number of them."""
    if len(names) != 1:
        raise CorpusError(f"{path}: the zip holds {len(names)} files, expected one; unpack it and name the file")
    return names[0]


@contextmanager
def open_bytes(path: Path, progress: Progress | None = None, pick: Pick = only_member) -> Iterator[Iterator[bytes]]:
    """Blocks of a file's content, decompressed if its first bytes say gzip or zip.

    Raises CorpusError for an absent, empty or damaged file.
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
                with zipfile.ZipFile(raw) as archive, archive.open(pick(path, _member_names(archive))) as member:
                    yield _blocks(member, raw, progress)
            else:
                yield _blocks(raw, raw, progress)
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorpusError(f"{path}: the compressed file is damaged or incomplete ({error})") from error
    except PermissionError as error:
        raise CorpusError(f"{path}: no permission to read the file") from error
    except (RuntimeError, NotImplementedError) as error:
        raise CorpusError(f"{path}: the zip cannot be read ({error}); unpack it and name the file") from error


def _member_names(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]


def _blocks(stream: IO[bytes] | gzip.GzipFile, raw: IO[bytes], progress: Progress | None) -> Iterator[bytes]:
    seen = 0
    while block := stream.read(BLOCK_BYTES):
        if progress is not None:
            position = raw.tell()
            progress(position - seen)
            seen = position
        yield block


def head(path: Path, pick: Pick = only_member) -> bytes:
    """The first block of a file, for looking at."""
    with open_bytes(path, pick=pick) as blocks:
        block = next(blocks, b"")
    if not block:
        raise CorpusError(f"{path}: the file is empty")
    return block


def choose_encoding(first_bytes: bytes, encoding: str | None, default: str) -> str:
    """A byte-order mark wins, then the user's choice, then the format's default."""
    for mark, marked in BYTE_ORDER_MARKS:
        if first_bytes.startswith(mark):
            return marked
    return encoding or default


def split_lines(text: str) -> list[str]:
    r"""The lines of a block of text without their ends; only \n and \r\n end a line."""
    # str.splitlines would also part at NEL (cp1252's ellipsis in latin-1) and others.
    return text.replace("\r\n", "\n").removesuffix("\r").split("\n")


def text_blocks(path: Path, encoding: str, progress: Progress | None = None) -> Iterator[tuple[int, str]]:
    r"""(number of the first line, whole lines but for the last one's \n) of block after block; see split_lines.

    Raises CorpusError naming file and line for bytes that are not text in `encoding`.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    number, rest = 1, ""
    with open_bytes(path, progress) as blocks:
        for block in blocks:
            text, end, tail = (rest + _decode(decoder, block, path, encoding, number, rest)).rpartition("\n")
            rest = tail
            if len(rest) > MAX_LINE_CHARS:
                raise CorpusError(f"{path}:{number}: a line of more than {MAX_LINE_CHARS:,} characters; is this text?")
            if end:
                yield number, text
                number += text.count("\n") + 1
        rest += _decode(decoder, b"", path, encoding, number, rest)
    if rest:
        yield number, rest


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, path: Path, encoding: str, number: int, rest: str) -> str:
    """Decode a block that begins in line `number` after the characters `rest` (`block` empty: the end)."""
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode(encoding, "ignore")
        line = number + good.count("\n")
        other = "cp1252" if encoding.startswith("utf") else "utf-8"
        raise CorpusError(
            f"{path}:{line}: error: byte 0x{error.object[error.start]:02x} is not {encoding} text; "
            f"pass the file's encoding, such as --encoding {other}"
        ) from error
