"""Files of text, lines, tokens, CoNLL columns or JSON lines -> documents, read in portions of lines."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, document_of_tokens

FORMATS = ("text", "lines", "tokens", "conll", "jsonl")
_BY_SUFFIX = {".jsonl": "jsonl", ".json": "jsonl", **dict.fromkeys((".conll", ".bio", ".iob", ".bilou"), "conll")}
# A portion, which one rank tags at a time, ends after this many lines or characters, or a few more.
_PORTION_LINES, _PORTION_CHARACTERS = 4096, 1 << 18
# The longest paragraph that becomes one document; longer ones are split at line ends.
_PARAGRAPH_CHARACTERS = 1 << 16
_BLANK_LINES = re.compile(r"(?:\r\n|\n|\r)[^\S\r\n]*(?:\r\n|\n|\r)\s*")


class InputLine(NamedTuple):
    # Counted from 1.
    number: int
    # Characters of the file before the line.
    offset: int
    text: str


class TokenColumns(NamedTuple):
    """Indices of columns, from 0, or from the end if negative; None if there is no such column."""

    token: int = 0
    pos: int | None = None


def format_of(path: Path | None, wanted: str) -> str:
    """The format to read: `wanted`, or if that is auto, by the file's suffix, with text for unknown ones."""
    if wanted != "auto":
        return wanted
    name = Path(path.stem if path.suffix == ".gz" else path.name) if path else Path()
    return _BY_SUFFIX.get(name.suffix.lower(), "text")


def open_input(path: Path | None) -> BinaryIO:
    """The file, decompressed if its name ends in .gz, or standard input without a path. Raises UserError."""
    if path is None:
        return sys.stdin.buffer
    try:
        return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; expected a text file, or - for standard input") from error


def read_lines(file: BinaryIO, name: str) -> Iterator[InputLine]:
    """Lines with their line ends unchanged. Raises UserError with file and line for bytes that are not UTF-8."""
    number, offset = 0, 0
    try:
        for number, raw in enumerate(file, 1):
            # A byte order mark is not text.
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            yield InputLine(number, offset, text)
            offset += len(text)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}:{number}: byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file, for "
            "example with iconv -f cp1252 -t utf-8"
        ) from error
    except (EOFError, gzip.BadGzipFile) as error:
        raise UserError(f"{name}:{number + 1}: the compressed file is damaged or truncated ({error})") from error


def portions(lines: Iterable[InputLine], format_name: str) -> Iterator[list[InputLine]]:
    """Portions of lines that can be read on their own: none begins within a sentence or a paragraph."""
    portion: list[InputLine] = []
    num_characters = 0
    for line in lines:
        portion.append(line)
        num_characters += len(line.text)
        is_full = len(portion) >= _PORTION_LINES or num_characters >= _PORTION_CHARACTERS
        # A text without blank lines must not fill the memory.
        is_endless = format_name == "text" and num_characters >= 4 * _PORTION_CHARACTERS
        if is_full and (format_name not in ("text", "conll") or not line.text.strip() or is_endless):
            yield portion
            portion, num_characters = [], 0
    if portion:
        yield portion


def read_documents(
    lines: list[InputLine], format_name: str, name: str, segment: Callable[[str], Document], columns: TokenColumns
) -> Iterator[Document]:
    """The documents of a portion. Raises UserError with file and line.

    name: of the file. segment: makes a document of raw text. columns: of the conll format.
    """
    if format_name == "text":
        yield from _paragraphs(lines, segment)
    elif format_name == "conll":
        yield from _conll(lines, name, columns)
    else:
        for line in lines:
            if format_name == "lines":
                yield segment(line.text.rstrip("\r\n"))._replace(offset=line.offset)
            elif format_name == "tokens":
                yield document_of_tokens([line.text.split()])
            elif line.text.strip():
                yield _json_document(line, name, segment)


def _paragraphs(lines: list[InputLine], segment: Callable[[str], Document]) -> Iterator[Document]:
    """One document per paragraph; long paragraphs are split at line ends."""
    text = "".join(line.text for line in lines)
    begin = 0
    for end in [*(match.end() for match in _BLANK_LINES.finditer(text)), len(text)]:
        while begin < end:
            stop = end
            if end - begin > _PARAGRAPH_CHARACTERS:
                stop = text.rfind("\n", begin, begin + _PARAGRAPH_CHARACTERS) + 1 or begin + _PARAGRAPH_CHARACTERS
            yield segment(text[begin:stop])._replace(offset=lines[0].offset + begin)
            begin = stop


def _conll(lines: list[InputLine], name: str, columns: TokenColumns) -> Iterator[Document]:
    """One document per sentence."""
    tokens: list[str] = []
    pos: list[str] = []
    num_columns = 0
    for line in [*lines, InputLine(0, 0, "")]:
        text = line.text.rstrip("\r\n")
        if not text.strip() or text.startswith("-DOCSTART-"):
            if tokens:
                yield document_of_tokens([tokens], [pos] if columns.pos is not None else None)
            tokens, pos = [], []
            continue
        # As in data_prep: tabs separate columns if there are any, else runs of spaces; other white space is text.
        values = text.split("\t") if "\t" in text else [value for value in text.split(" ") if value]
        if text[0] == "#" and not tokens and len(values) != num_columns:
            # A comment.
            continue
        num_columns = num_columns or len(values)
        where = f"{name}:{line.number}"
        if len(values) != num_columns:
            raise UserError(f"{where}: the line has {len(values)} columns, and those before it have {num_columns}")
        tokens.append(_value(values, columns.token, "--token-column", where))
        if columns.pos is not None:
            pos.append(_value(values, columns.pos, "--pos-column", where))


def _value(values: list[str], column: int, option: str, where: str) -> str:
    if not -len(values) <= column < len(values):
        raise UserError(f"{where}: the line has {len(values)} columns, so {option} {column} does not exist")
    if not values[column]:
        raise UserError(f"{where}: column {column} is empty; expected a value in every column")
    return values[column]


def _json_document(line: InputLine, name: str, segment: Callable[[str], Document]) -> Document:
    """{"text": ...}, or {"tokens": [...], "pos": [...]}; other fields are kept for the output."""
    where = f"{name}:{line.number}"
    try:
        record: Any = json.loads(line.text)
        # Only an escape of JSON can contain a lone surrogate.
        if "\\u" in line.text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: a lone surrogate (\\ud800 to \\udfff) is not text") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    if not isinstance(record, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(record).__name__}")
    others = {key: value for key, value in record.items() if key not in ("text", "tokens", "pos", "entities")}
    if isinstance(record.get("tokens"), list):
        for key in ("tokens", "pos"):
            values = record.get(key, [])
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise UserError(f'{where}: "{key}" is not a list of strings')
        try:
            document = document_of_tokens([record["tokens"]], [record["pos"]] if "pos" in record else None)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    elif isinstance(record.get("text"), str):
        document = segment(record["text"])
    else:
        raise UserError(
            f'{where}: expected "text", or "tokens" and optionally "pos", found {", ".join(record) or "nothing"}'
        )
    return document._replace(others=others)
