"""Portions of files of text, lines, tokens, CoNLL columns or JSON lines -> documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ner_dist.contract.language_rules import BLANK_LINES
from ner_dist.prediction.documents import Document, document_of_tokens
from ner_dist.prediction.input_lines import InputLine, Portion
from ner_dist.prediction.read_conll import TokenColumns, conll_documents
from ner_dist.prediction.read_json import json_document

FORMATS = ("text", "lines", "tokens", "conll", "jsonl")
_BY_SUFFIX = {".jsonl": "jsonl", ".json": "jsonl", **dict.fromkeys((".conll", ".bio", ".iob", ".bilou"), "conll")}


class InputOptions(NamedTuple):
    """How to read documents."""

    # Makes a document of raw text.
    segment: Callable[[str], Document]
    # Of the conll format.
    columns: TokenColumns = TokenColumns()
    # Token features that the model uses: fields of JSON lines.
    feature_names: Sequence[str] = ()


def format_of(path: Path | None, wanted: str) -> str:
    """The format to read: `wanted`, or if that is auto, by the file's suffix, with text for unknown ones."""
    if wanted != "auto":
        return wanted
    name = Path(path.stem if path.suffix == ".gz" else path.name) if path else Path()
    return _BY_SUFFIX.get(name.suffix.lower(), "text")


def read_documents(portion: Portion, format_name: str, name: str, options: InputOptions) -> Iterator[Document]:
    """The documents of a portion. Raises UserError with file and line. name: of the file."""
    if format_name == "text":
        yield from _paragraphs(portion.lines, options.segment)
    elif format_name == "conll":
        yield from conll_documents(portion, name, options.columns)
    else:
        for line in portion.lines:
            if format_name == "lines":
                yield options.segment(line.text.rstrip("\r\n"))._replace(offset=line.offset)
            elif format_name == "tokens":
                yield document_of_tokens([line.text.split()])
            elif line.text.strip():
                yield json_document(line, name, options.segment, options.feature_names)


def _paragraphs(lines: list[InputLine], segment: Callable[[str], Document]) -> Iterator[Document]:
    """One document per paragraph, whose sentences are those that it has in the whole text."""
    text = "".join(line.text for line in lines)
    begin = 0
    for end in [*(match.end() for match in BLANK_LINES.finditer(text)), len(text)]:
        if begin < end:
            yield segment(text[begin:end])._replace(offset=lines[0].offset + begin)
            begin = end
