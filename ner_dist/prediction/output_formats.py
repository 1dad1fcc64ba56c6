"""Documents with entities -> JSON lines, CoNLL columns, inline markup, or a page of coloured entities."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, Entity

FORMATS = ("jsonl", "conll", "inline", "html")
_BY_SUFFIX = {".jsonl": "jsonl", ".json": "jsonl", ".conll": "conll", ".xml": "inline", ".html": "html", ".htm": "html"}
_NO_NAME = re.compile(r"[^\w.-]|^(?=[\d.-])")


def format_of(path: Path | None, wanted: str) -> str:
    """The format to write: as wanted, or by the file's name; JSON lines if that does not tell."""
    return wanted if wanted != "auto" else _BY_SUFFIX.get(path.suffix.lower() if path else "", "jsonl")


def writer(form: str, entity_types: list[str], title: str) -> Writer:
    """What writes a format. Raises UserError for html without jinja2."""
    return _Html(entity_types, title) if form == "html" else _WRITERS[form]()


class Writer:
    """Text of a file: its head, each document, its end."""

    def head(self) -> str:
        return ""

    def document(self, document: Document) -> str:
        raise NotImplementedError

    def end(self) -> str:
        return ""


class _JsonLines(Writer):
    """An object a document: text, tokens a sentence, entities with places, type and confidence, and what it brought."""

    def document(self, document: Document) -> str:
        sentences = [{"tokens": s.tokens, "starts": s.starts} for s in document.sentences]
        entities = [{**entity._asdict(), "confidence": round(entity.confidence, 6)} for entity in document.entities]
        record: dict[str, Any] = {**document.others, "text": document.text, "offset": document.offset}
        return json.dumps({**record, "entities": entities, "sentences": sentences}, ensure_ascii=False) + "\n"


class _Conll(Writer):
    """A token and its BIO tag a line, a blank line after a sentence."""

    def document(self, document: Document) -> str:
        lines = []
        tags = [["O"] * len(sentence.tokens) for sentence in document.sentences]
        for entity in document.entities:
            inside = entity.end_token - entity.first_token - 1
            kind = _without_space(entity.type)
            names = [f"B-{kind}", *[f"I-{kind}"] * inside]
            tags[entity.sentence][entity.first_token : entity.end_token] = names
        for sentence, of_sentence in zip(document.sentences, tags):
            lines += [f"{_without_space(token)} {tag}\n" for token, tag in zip(sentence.tokens, of_sentence)]
            if sentence.tokens:
                lines.append("\n")
        return "".join(lines)


def _without_space(name: str) -> str:
    """Columns are parted by spaces, so what stands in one has none."""
    return "_".join(name.split()) or "_"


class _Inline(Writer):
    """The text as it is, with <TYPE>...</TYPE> about its entities; &, < and > of the text are escaped."""

    def document(self, document: Document) -> str:
        found = []
        for part, entity in pieces(document):
            name = None if entity is None else _NO_NAME.sub("_", entity.type)
            found.append(escape(part) if name is None else f"<{name}>{escape(part)}</{name}>")
        text = "".join(found)
        return text if text.endswith(("\n", "\r")) else text + "\n"


def pieces(document: Document) -> Iterator[tuple[str, Entity | None]]:
    """The text in parts: of an entity, or of none."""
    place = 0
    for entity in document.entities:
        if entity.start > place:
            yield document.text[place : entity.start], None
        yield document.text[entity.start : entity.end], entity
        place = entity.end
    if place < len(document.text):
        yield document.text[place:], None


class _Html(Writer):
    """A page that needs nothing else: coloured entities, with their types to be switched on and off."""

    def __init__(self, entity_types: list[str], title: str) -> None:
        try:
            import jinja2
        except ImportError as error:
            raise UserError("pages need jinja2, which is not installed; pip install -e '.[predict]'") from error
        source = resources.files("ner_dist.prediction").joinpath("page.html.j2").read_text(encoding="utf-8")
        template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
        self._parts: Any = template.make_module({"entity_types": entity_types, "title": title})
        self._numbers = {name: number for number, name in enumerate(entity_types)}

    def head(self) -> str:
        return str(self._parts.head())

    def document(self, document: Document) -> str:
        # The blank lines after a paragraph would show as an empty space.
        shown = document._replace(text=document.text.rstrip())
        return str(self._parts.document(pieces(shown), self._numbers)) if shown.text else ""

    def end(self) -> str:
        return str(self._parts.end())


_WRITERS = {"jsonl": _JsonLines, "conll": _Conll, "inline": _Inline}
