"""Input files -> lines with their places, and portions of lines that can be read on their own."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ner_dist.contract.column_marks import DOCUMENT_MARK
from ner_dist.errors import UserError

# A portion, which one rank tags at a time, ends after this many lines or characters, or a few more.
_PORTION_LINES, _PORTION_CHARACTERS = 4096, 1 << 18
# Of a line, and of a CoNLL file between two blank lines: bytes or characters, in millions.
MAX_LINE_MB = 32.0
# Carriage returns alone end lines, too.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class InputLine(NamedTuple):
    # Counted from 1.
    number: int
    # Characters of the file before the line.
    offset: int
    text: str


class OpenDocument(NamedTuple):
    """The document of a CoNLL file that a line lies in: its number, from 1, and its name; 0 before the first."""

    number: int = 0
    name: str = ""


class Portion(NamedTuple):
    lines: list[InputLine]
    # Where it begins.
    document: OpenDocument = OpenDocument()


def open_input(path: Path | None) -> BinaryIO:
    """The file, decompressed if its name ends in .gz, or standard input without a path. Raises UserError."""
    if path is None:
        return sys.stdin.buffer
    try:
        return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; expected a text file, or - for standard input") from error


def read_lines(file: BinaryIO, name: str, max_line_mb: float = MAX_LINE_MB) -> Iterator[InputLine]:
    """Lines with their line ends unchanged.

    Raises UserError with file and line for bytes that are not UTF-8, lines that are too long, and a file that cannot be
    read to its end.
    """
    number, offset, is_first = 0, 0, True
    max_bytes = int(max_line_mb * 1e6)
    try:
        # Not by iterating over the file, which would hold a line of any length.
        while raw := file.readline(max_bytes + 1):
            if len(raw) > max_bytes:
                raise _too_long(name, number + 1, "a line", max_line_mb)
            # A byte order mark is not text.
            decoded = raw.decode("utf-8-sig" if is_first else "utf-8")
            is_first = False
            for text in _LINE.findall(decoded) if "\r" in decoded else (decoded,):
                number += 1
                yield InputLine(number, offset, text)
                offset += len(text)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}:{number + 1}: byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file, for "
            "example with iconv -f cp1252 -t utf-8"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{name}:{number + 1}: the compressed file is damaged or truncated ({error})") from error
    except OSError as error:
        raise UserError(f"{name}:{number + 1}: the file cannot be read ({error.strerror or error})") from error


def _too_long(name: str, number: int, what: str, max_line_mb: float) -> UserError:
    return UserError(
        f"{name}:{number}: {what} of more than {max_line_mb:g} million bytes; is this text? If it is, allow more with "
        "--max-line-mb N"
    )


def portions(
    lines: Iterable[InputLine],
    format_name: str,
    next_document: Callable[[str, OpenDocument], OpenDocument],
    name: str = "",
    max_line_mb: float = MAX_LINE_MB,
) -> Iterator[Portion]:
    """Portions of lines that can be read on their own: none begins within a sentence or a paragraph.

    next_document: of conll, the document that a line lies in, from the line and the document of the line before.
    name: of the file, for messages. Raises UserError for a sentence of a CoNLL file that never ends.
    """
    portion: list[InputLine] = []
    num_characters = 0
    # The last line that was not blank.
    before = ""
    began = document = OpenDocument()
    for line in lines:
        portion.append(line)
        if format_name == "conll":
            document = next_document(line.text, document)
        num_characters += len(line.text)
        is_blank = not line.text.strip()
        # Comments and marks of documents stay with the sentence that follows.
        may_end = format_name not in ("text", "conll") or (is_blank and not before.startswith(("#", DOCUMENT_MARK)))
        if not is_blank:
            before = line.text if format_name == "conll" else ""
        is_full = len(portion) >= _PORTION_LINES or num_characters >= _PORTION_CHARACTERS
        # A text without blank lines must not fill the memory.
        is_endless = format_name == "text" and num_characters >= 4 * _PORTION_CHARACTERS
        if format_name == "conll" and not may_end and num_characters > max_line_mb * 1e6:
            raise _too_long(name, portion[0].number, "lines without a blank one, which ends a sentence,", max_line_mb)
        if is_full and (may_end or is_endless):
            yield Portion(portion, began)
            portion, num_characters, began = [], 0, document
    if portion:
        yield Portion(portion, began)
