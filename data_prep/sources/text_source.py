"""Source files, plain, compressed or in archives -> blocks of whole lines; undecodable bytes are named by line."""

from __future__ import annotations

import codecs
import itertools
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from data_prep.dirt.dirty_text import MARK_ERRORS, DirtyText
from data_prep.problems import CorpusError
from data_prep.sources.archives import Archive, archive_at
from data_prep.sources.caps import CAPS, Caps
from data_prep.sources.compression import damage_named, unpacked
from data_prep.sources.source_files import Piece, SourceFile

BLOCK_BYTES = 1 << 19
# Of a file's beginning, what shows whether it is UTF-16.
SEEN_BYTES = 1000
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Called with the number of bytes read from disk since the last call.
Progress = Callable[[int], object]
# Picks one of the files in an archive, or raises CorpusError.
Pick = Callable[[Path, list[str]], str]


def only_member(path: Path, names: list[str]) -> str:
    """The only file in an archive. Raises CorpusError unless there is exactly one."""
    if len(names) != 1:
        kind = "zip" if zipfile.is_zipfile(path) else "archive"
        raise CorpusError(
            f"{path}: the {kind} holds {len(names)} files, expected one; name the file in it as {path}/NAME, "
            "or unpack it"
        )
    return names[0]


def own_names(archive: Archive) -> list[str]:
    """The files of an archive that people put there."""
    return [name for name in archive.names if not name.startswith("__MACOSX/")]


@contextmanager
def open_bytes(
    file: SourceFile | Path, progress: Progress | None = None, pick: Pick = only_member, may_be_empty: bool = False
) -> Iterator[Iterator[bytes]]:
    """Blocks of a file's content, decompressed if its first bytes are those of a compressed file.

    pick: of an archive whose member is not named. Raises CorpusError if the file is absent, empty, damaged or not
    readable.
    """
    if isinstance(file, Path):
        file = SourceFile(file)
    if file.piece is not None:
        with damage_named(str(file)), open(file.path, "rb") as plain:
            yield _blocks_of_piece(plain, file.piece, progress)
        return
    stored, num_bytes = open_stored(file, pick, may_be_empty)
    with stored:
        yield _blocks(stored, file, num_bytes, progress)


def open_stored(file: SourceFile, pick: Pick, may_be_empty: bool) -> tuple[IO[bytes], int | None]:
    """What is stored as this file; and of a member of an archive the bytes that it takes there."""
    path = file.path
    if not path.is_file():
        raise CorpusError(f"{file}: {'not a regular file' if path.exists() else 'no such file'}")
    num_bytes = path.stat().st_size
    if not num_bytes and not may_be_empty:
        raise CorpusError(f"{file}: the file is empty")
    with damage_named(str(file)):
        archive = archive_at(path, file.caps)
        if archive is None:
            if file.member is not None:
                raise CorpusError(f"{file}: {path} is not an archive")
            return open(path, "rb"), None
        name = file.member if file.member is not None else pick(path, own_names(archive))
        if name not in archive.names:
            raise CorpusError(f"{file}: no such file in the archive")
        return archive.open(name), num_bytes if file.member is None else archive.stored_bytes(name)


def _blocks_of_piece(plain: IO[bytes], piece: Piece, progress: Progress | None) -> Iterator[bytes]:
    plain.seek(piece.begin)
    left = piece.end - piece.begin
    while left and (block := plain.read(min(BLOCK_BYTES, left))):
        left -= len(block)
        if progress is not None:
            progress(len(block))
        yield block


def _blocks(stored: IO[bytes], file: SourceFile, num_bytes: int | None, progress: Progress | None) -> Iterator[bytes]:
    """num_bytes: what to tell `progress` in all; None: the place in the file at any time."""
    seen = 0
    with damage_named(str(file)):
        stream = unpacked(stored, file.caps)
        while block := stream.read(BLOCK_BYTES):
            if progress is not None:
                position = stored.tell() if num_bytes is None else min(num_bytes, seen + len(block))
                progress(position - seen)
                seen = position
            yield block
    if progress is not None and num_bytes is not None:
        progress(num_bytes - seen)


def head(file: SourceFile | Path, pick: Pick = only_member, may_be_empty: bool = False) -> bytes:
    """The first block of a file. Raises CorpusError as `open_bytes` does, and for an empty file unless it may be."""
    with open_bytes(file, pick=pick, may_be_empty=may_be_empty) as blocks:
        for block in blocks:
            return block
    if may_be_empty:
        return b""
    raise CorpusError(f"{file}: the file is empty")


def choose_encoding(first_bytes: bytes, encoding: str | None, default: str) -> str:
    """The encoding of a byte-order mark, else the user's choice, else the format's default."""
    marked = (name for mark, name in BYTE_ORDER_MARKS if first_bytes.startswith(mark))
    return next(marked, encoding or _unmarked_utf16(first_bytes) or default)


def _unmarked_utf16(first_bytes: bytes) -> str | None:
    """UTF-16 without a byte-order mark, if every other byte of the beginning is 0, as in texts of Latin letters."""
    beginning = first_bytes[:SEEN_BYTES]
    num_zeros = [beginning[place::2].count(0) for place in (0, 1)]
    few, many = sorted(num_zeros)
    if few or len(beginning) < 4 or 10 * many < 4 * len(beginning):
        return None
    return "utf-16-be" if num_zeros[0] else "utf-16-le"


def split_lines(text: str) -> list[str]:
    r"""The lines of a block of text without their ends, which are \n, \r\n or \r."""
    # str.splitlines would also split at NEL (cp1252's ellipsis, read as latin-1) and other characters.
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r").replace("\r", "\n")
    return text.split("\n")


class _NewlineDecoder:
    r"""Decodes blocks of bytes to text in which a \r is followed by \n, or lines end with \n alone."""

    def __init__(self, encoding: str) -> None:
        make = codecs.getincrementaldecoder(encoding)
        self._decoder, self._marking = make("strict"), make(MARK_ERRORS)
        # A \r at the end of a block, which may be half of a \r\n.
        self.held = ""
        # Whether the last block had undecodable bytes, which are marked: see dirty_text.
        self.has_marks = False

    def decode(self, block: bytes) -> str:
        """An empty block is the last one."""
        state = self._decoder.getstate()
        try:
            decoded = self._decoder.decode(block, final=not block)
            self.has_marks = False
        except UnicodeDecodeError:
            self._marking.setstate(state)
            decoded = self._marking.decode(block, final=not block)
            self._decoder.setstate(self._marking.getstate())
            self.has_marks = True
        if not self.held and not _has_lone_returns(block):
            return decoded
        text, self.held = self.held + decoded, ""
        if block and text.endswith("\r"):
            text, self.held = text[:-1], "\r"
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_lone_returns(block: bytes) -> bool:
    r"""Whether a \r is not followed by \n, or may not be because it is the last byte. Of the bytes it is soon known."""
    if b"\r" not in block:
        return False
    byte_P = np.frombuffer(block, np.uint8)
    is_return_P = byte_P == ord("\r")
    return bool(is_return_P[-1] or (is_return_P[:-1] & (byte_P[1:] != ord("\n"))).any())


def text_pieces(
    file: SourceFile | Path, encoding: str, progress: Progress | None = None, dirty: DirtyText | None = None
) -> Iterator[tuple[int, str]]:
    r"""(number of the line in which it begins, text) of one piece after another; lines end with \n or \r\n.

    dirty: notes and mends what is not as it should be. Without, raises CorpusError for bytes that are not text in
    `encoding`.
    """
    pieces = _decoded(file, encoding, progress, dirty)
    return pieces if dirty is None else dirty.mend_lines(pieces)


def _decoded(
    file: SourceFile | Path, encoding: str, progress: Progress | None, dirty: DirtyText | None
) -> Iterator[tuple[int, str]]:
    decoder = _NewlineDecoder(encoding)
    number = 1 if isinstance(file, Path) or file.piece is None else file.piece.first_line
    with open_bytes(file, progress, may_be_empty=True) as blocks:
        # The empty block ends the file.
        for block in itertools.chain(blocks, [b""]):
            text = decoder.decode(block)
            if decoder.has_marks:
                if dirty is None:
                    raise CorpusError(f"{file}: not {encoding} text")
                text = dirty.mend_bytes(text, number)
            if text:
                yield number, text
                number += text.count("\n")


def whole_lines(pieces: Iterable[tuple[int, str]], path: object, caps: Caps) -> Iterator[tuple[int, str]]:
    r"""(number of the first line, whole lines without the last \n) of one block after another; see `split_lines`.

    Raises CorpusError for a line that is too long.
    """
    number, piece, rest = 1, "", ""
    for number, piece in pieces:
        # What is left of the piece before has no line end, so that it belongs to the line in which this one begins.
        text, end, rest = (rest + piece).rpartition("\n")
        # A binary file may have no line ends, and must not fill the memory.
        if len(rest) > caps.line_chars:
            raise CorpusError(f"{path}:{number}: {caps.line_message('a line')}")
        if end:
            yield number, text
    if rest:
        yield number + piece.count("\n"), rest


def text_blocks(
    file: SourceFile | Path, encoding: str, progress: Progress | None = None, dirty: DirtyText | None = None
) -> Iterator[tuple[int, str]]:
    """The `whole_lines` of a file. Raises CorpusError as `text_pieces` does."""
    caps = CAPS if isinstance(file, Path) else file.caps
    return whole_lines(text_pieces(file, encoding, progress, dirty), file, caps)
