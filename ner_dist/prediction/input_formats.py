"""Files of text, lines, tokens, CoNLL columns or JSON lines -> documents, a portion of lines at a time."""

from __future__ import annotations

import codecs
import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, of_tokens

FORMATS = ("text", "lines", "tokens", "conll", "jsonl")
_BY_SUFFIX = {
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".conll": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".bilou": "conll",
}
# A portion is what one rank tags at a time: so many lines, and for text so many characters, or a few more.
_PORTION_LINES, _PORTION_CHARACTERS = 4096, 1 << 18
# A text may be a paragraph up to this length; a longer one is parted at an end of line.
_PARAGRAPH_CHARACTERS = 1 << 16
_BLANK_LINES = re.compile(r"(?:\r\n|\n|\r)[^\S\r\n]*(?:\r\n|\n|\r)\s*")


class Line(NamedTuple):
    # From 1, and the characters of the file before it.
    number: int
    offset: int
    text: str


class Layout(NamedTuple):
    """Columns of CoNLL lines, counted from 0, or from the end if negative; None: there is none."""

    token: int = 0
    pos: int | None = None


def format_of(path: Path | None, wanted: str) -> str:
    """The format of a file: as wanted, or by its name; what has no telling name is text."""
    if wanted != "auto":
        return wanted
    name = Path(path.stem if path.suffix == ".gz" else path.name) if path else Path()
    return _BY_SUFFIX.get(name.suffix.lower(), "text")


def open_input(path: Path | None) -> BinaryIO:
    """The file, unpacked if its name ends in .gz, or standard input. Raises UserError."""
    if path is None:
        return sys.stdin.buffer
    try:
        return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file of text, or - for standard input") from error


def read_lines(file: BinaryIO, name: str) -> Iterator[Line]:
    """Lines with their ends as they are. Raises UserError with file and line for bytes that are not UTF-8."""
    number, offset = 0, 0
    try:
        for raw in file:
            number += 1
            text = raw.decode("utf-8-sig" if number == 1 and raw.startswith(codecs.BOM_UTF8) else "utf-8")
            yield Line(number, offset, text)
            offset += len(text)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}:{number}: byte 0x{error.object[error.start]:02x} is not UTF-8 text; convert the file, such as by "
            "iconv -f cp1252 -t utf-8"
        ) from error
    except (EOFError, gzip.BadGzipFile) as error:
        raise UserError(f"{name}:{number + 1}: the packed file is damaged or cut off ({error})") from error


def portions(lines: Iterable[Line], form: str) -> Iterator[list[Line]]:
    """Lines in portions that can be read by themselves: none begins within a sentence or a paragraph."""
    portion: list[Line] = []
    num_characters = 0
    for line in lines:
        portion.append(line)
        num_characters += len(line.text)
        full = len(portion) >= _PORTION_LINES or num_characters >= _PORTION_CHARACTERS
        if form in ("text", "conll"):
            # Anywhere else something would be torn; a file without blank lines must not fill the memory, though.
            full = full and (not line.text.strip() or (form == "text" and num_characters >= 4 * _PORTION_CHARACTERS))
        if full:
            yield portion
            portion, num_characters = [], 0
    if portion:
        yield portion


def read_documents(
    lines: list[Line], form: str, name: str, segment: Callable[[str], Document], layout: Layout
) -> Iterator[Document]:
    """The documents of a portion. Raises UserError naming file and line.

    segment: makes a document of raw text. layout: of conll.
    """
    if form == "text":
        yield from _paragraphs(lines, segment)
    elif form == "conll":
        yield from _conll(lines, name, layout)
    else:
        for line in lines:
            if form == "lines":
                yield segment(line.text.rstrip("\r\n"))._replace(offset=line.offset)
            elif form == "tokens":
                yield of_tokens([line.text.split()])
            elif line.text.strip():
                yield _of_json(line, name, segment)


def _paragraphs(lines: list[Line], segment: Callable[[str], Document]) -> Iterator[Document]:
    """One document a paragraph; long ones are parted at ends of lines."""
    text = "".join(line.text for line in lines)
    ends = [match.end() for match in _BLANK_LINES.finditer(text)]
    begin = 0
    for end in [*ends, len(text)]:
        while begin < end:
            stop = end
            if end - begin > _PARAGRAPH_CHARACTERS:
                stop = text.rfind("\n", begin, begin + _PARAGRAPH_CHARACTERS) + 1 or begin + _PARAGRAPH_CHARACTERS
            yield segment(text[begin:stop])._replace(offset=lines[0].offset + begin)
            begin = stop


def _conll(lines: list[Line], name: str, layout: Layout) -> Iterator[Document]:
    """One document a sentence."""
    tokens: list[str] = []
    pos: list[str] = []
    num_columns = 0
    for line in [*lines, Line(0, 0, "")]:
        text = line.text.rstrip("\r\n")
        if not text.strip() or text.startswith("-DOCSTART-"):
            if tokens:
                yield of_tokens([tokens], [pos] if layout.pos is not None else None)
            tokens, pos = [], []
            continue
        # As data_prep has it: parted by tabs if there is one, else by runs of spaces; other white space is text.
        columns = text.split("\t") if "\t" in text else [column for column in text.split(" ") if column]
        if text[0] == "#" and not tokens and len(columns) != num_columns:
            continue
        num_columns = num_columns or len(columns)
        where = f"{name}:{line.number}"
        if len(columns) != num_columns:
            raise UserError(f"{where}: the line has {len(columns)} columns, those before it {num_columns}")
        tokens.append(_column(columns, layout.token, "--token-column", where))
        if layout.pos is not None:
            pos.append(_column(columns, layout.pos, "--pos-column", where))


def _column(columns: list[str], position: int, option: str, where: str) -> str:
    if not -len(columns) <= position < len(columns):
        raise UserError(f"{where}: the line has {len(columns)} columns, so {option} {position} does not exist")
    if not columns[position]:
        raise UserError(f"{where}: column {position} is empty; expected a value in every column")
    return columns[position]


def _of_json(line: Line, name: str, segment: Callable[[str], Document]) -> Document:
    """{"text": ...}, or {"tokens": [...], "pos": [...]}; what else the object holds is kept for the output."""
    where = f"{name}:{line.number}"
    try:
        record: Any = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    if not isinstance(record, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(record).__name__}")
    try:
        # Only JSON's escapes can bring one in.
        if "\\u" in line.text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: half a surrogate pair (\\ud800 to \\udfff) is not text") from error
    others = {key: value for key, value in record.items() if key not in ("text", "tokens", "pos", "entities")}
    if isinstance(record.get("tokens"), list):
        for key in ("tokens", "pos"):
            values = record.get(key, [])
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise UserError(f'{where}: "{key}" is not a list of strings')
        try:
            document = of_tokens([record["tokens"]], [record["pos"]] if "pos" in record else None)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    elif isinstance(record.get("text"), str):
        document = segment(record["text"])
    else:
        raise UserError(
            f'{where}: expected "text", or "tokens" and perhaps "pos", found {", ".join(record) or "nothing"}'
        )
    return document._replace(others=others)
