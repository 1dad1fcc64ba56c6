"""The formats of documents with entities: JSON lines, columns, markup, a page, and those of other tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

from ner_dist.contract.column_text import distinct_types, without_space
from ner_dist.pages.templates import environment
from ner_dist.prediction import tool_records
from ner_dist.prediction.document_writer import DocumentWriter, text_writer
from ner_dist.prediction.documents import Document, Entity, certainty_record

FORMATS = ("jsonl", "conll", "inline", "html", "doccano", "label-studio", "prodigy", "docbin", "parquet")
# What the names of their files end in.
ENDINGS = {
    "jsonl": ".jsonl",
    "conll": ".conll",
    "inline": ".xml",
    "html": ".html",
    "doccano": ".jsonl",
    "label-studio": ".json",
    "prodigy": ".jsonl",
    "docbin": ".spacy",
    "parquet": ".parquet",
}
# Those that are no text.
BINARY = ("docbin", "parquet")
# Those that say how sure the model is of a document.
WITH_CERTAINTY = ("jsonl", "label-studio", "prodigy")
_BY_SUFFIX = {
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".conll": "conll",
    ".xml": "inline",
    ".html": "html",
    ".htm": "html",
    ".spacy": "docbin",
    ".parquet": "parquet",
}
_OTHER_NAMES = {"labelstudio": "label-studio"}
# What must be replaced to make an entity type the name of an element.
_NOT_IN_NAMES = re.compile(r"[^\w.-]|^(?=[\d.-])")


def usual_name(name: str) -> str:
    """A format's name in whichever way it is spelt."""
    return _OTHER_NAMES.get(name, name)


def format_of(path: Path | None, wanted: str) -> str:
    """The format to write: `wanted`, or if that is auto, by the file's suffix, with jsonl for unknown ones."""
    return wanted if wanted != "auto" else _BY_SUFFIX.get(path.suffix.lower() if path else "", "jsonl")


def document_writer(format_name: str, entity_types: list[str], title: str, model_version: str = "") -> DocumentWriter:
    """The writer of a format. title: of the page, for html. model_version: what Label Studio calls the predictions."""
    if format_name == "html":
        return _html_writer(entity_types, title)
    if format_name == "conll":
        return text_writer(partial(_conll_lines, types=distinct_types(entity_types)))
    if format_name == "inline":
        return text_writer(partial(_inline_text, names=distinct_types(entity_types, _element_name)))
    if format_name == "label-studio":
        # An array, a line for each of its tasks.
        return text_writer(
            lambda document: _to_json(tool_records.label_studio_task(document, model_version)), "[\n", ",\n", "\n]\n"
        )
    if format_name in BINARY:
        return _binary_writer(format_name, entity_types)
    to_record = {"doccano": tool_records.doccano_record, "prodigy": tool_records.prodigy_task}.get(
        format_name, json_record
    )
    return text_writer(lambda document: _to_json(to_record(document)) + "\n")


def _binary_writer(format_name: str, entity_types: list[str]) -> DocumentWriter:
    # Late: pyarrow and spaCy take their time.
    if format_name == "docbin":
        from ner_dist.prediction.docbin_writer import DOCBIN_WRITER

        return DOCBIN_WRITER
    from ner_dist.prediction.parquet_writer import parquet_writer

    return parquet_writer(entity_types)


def _to_json(record: dict[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False)


def json_record(document: Document) -> dict[str, object]:
    """An object with the text, entities, confidence, tokens by sentence, and the other fields of the input record."""
    return {
        **document.others,
        "text": document.text,
        "offset": document.offset,
        "entities": [entity.to_record() for entity in document.entities],
        **certainty_record(document),
        "sentences": [
            {"tokens": sentence.tokens, "starts": sentence.starts, **certainty_record(sentence)}
            for sentence in document.sentences
        ],
    }


def _conll_lines(document: Document, types: dict[str, str]) -> str:
    """A token and its BIO tag per line, a blank line after each sentence; comments and marks of documents as read.

    types: what is written for each.
    """
    lines = [f"{line}\n" for line in document.head]
    tags = [["O"] * len(sentence.tokens) for sentence in document.sentences]
    for entity in document.entities:
        kind, num_inside = types[entity.type], entity.end_token - entity.first_token - 1
        tags[entity.sentence][entity.first_token : entity.end_token] = [f"B-{kind}", *[f"I-{kind}"] * num_inside]
    for sentence, sentence_tags in zip(document.sentences, tags):
        lines += [f"{without_space(token)} {tag}\n" for token, tag in zip(sentence.tokens, sentence_tags)]
        if sentence.tokens:
            lines.append("\n")
    return "".join(lines)


def _element_name(entity_type: str) -> str:
    return _NOT_IN_NAMES.sub("_", entity_type) or "_"


def _inline_text(document: Document, names: dict[str, str]) -> str:
    """The text as it is, with <TYPE>...</TYPE> around entities; &, < and > of the text are escaped.

    names: of the elements, by type.
    """
    found = []
    for text, entity in _pieces(document):
        name = None if entity is None else names[entity.type]
        found.append(escape(text) if name is None else f"<{name}>{escape(text)}</{name}>")
    joined = "".join(found)
    return joined if joined.endswith(("\n", "\r")) else joined + "\n"


def _pieces(document: Document) -> Iterator[tuple[str, Entity | None]]:
    """The text in pieces: each is that of one entity, or lies outside of all."""
    position = 0
    for entity in document.entities:
        if entity.start > position:
            yield document.text[position : entity.start], None
        yield document.text[entity.start : entity.end], entity
        position = entity.end
    if position < len(document.text):
        yield document.text[position:], None


def _html_writer(entity_types: list[str], title: str) -> DocumentWriter:
    """A self-contained page of coloured entities, whose types can be switched on and off."""
    template = environment(Path(__file__).parent).get_template("page.html.j2")
    macros = template.make_module({"entity_types": entity_types, "title": title})
    numbers = {name: number for number, name in enumerate(entity_types)}

    def article(document: Document) -> str:
        # The blank lines after a paragraph would show as empty space.
        shown = document._replace(text=document.text.rstrip())
        return str(macros.document(_pieces(shown), numbers)) if shown.text else ""  # type: ignore[attr-defined]

    return text_writer(article, str(macros.head()), end=str(macros.end()))  # type: ignore[attr-defined]
