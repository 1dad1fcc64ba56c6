"""CoNLL columns -> documents of one sentence each, with the comments and marks of documents that stand before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, document_of_tokens
from ner_dist.prediction.input_lines import DOCUMENT_MARK, InputLine, OpenDocument, Portion

_NAMED_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id\s*=\s*(.*\S))?|#\s*begin document\s+(.*\S)")
# As AIDA and data_prep name them: -DOCSTART- (1 EU)
_MARKED_DOCUMENT = re.compile(rf"{DOCUMENT_MARK}\s+\((.+)\)\s*")
_SENTENCE_NAME = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")
# The last column of a line that is no comment, if the file has tags.
_TAG = re.compile(r"[Oo]|[BIELSUMWbielsumw][-_].+")
# CoNLL-U: words that were written as one, and words that were left out.
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")


class TokenColumns(NamedTuple):
    """Indices of columns, from 0, or from the end if negative."""

    token: int = 0
    # By the name of the token feature.
    features: Mapping[str, int] = MappingProxyType({})


class _Layout(NamedTuple):
    num_columns: int
    # Whether the last column holds tags, and the first one counts tokens.
    has_tags: bool
    is_numbered: bool


class _Row(NamedTuple):
    number: int
    values: list[str]


def next_document(line: str, document: OpenDocument) -> OpenDocument:
    """The document that a line lies in; `document` is that of the line before. Unnamed ones have their number."""
    if not line.startswith((DOCUMENT_MARK, "#")):
        return document
    named = _NAMED_DOCUMENT.match(line) or _MARKED_DOCUMENT.fullmatch(line)
    if not (named or line.startswith(DOCUMENT_MARK)):
        return document
    number = document.number + 1
    name = next(filter(None, named.groups()), "") if named else ""
    return OpenDocument(number, name or str(number))


def conll_documents(portion: Portion, name: str, columns: TokenColumns) -> Iterator[Document]:
    """One document per sentence. Raises UserError with file and line. name: of the file."""
    _refuse_numbers(portion.lines, name, columns)
    layout, document = _layout(portion.lines), portion.document
    rows: list[_Row] = []
    head: list[str] = []
    sentence_name = ""
    for line in [*portion.lines, InputLine(0, 0, "")]:
        text = line.text.rstrip("\r\n")
        is_mark = text.startswith(DOCUMENT_MARK)
        if rows and (is_mark or not text.strip()):
            yield _sentence(rows, name, columns, head, document, sentence_name)
            rows, head, sentence_name = [], [], ""
        if is_mark:
            document = next_document(text, document)
            # The name, or a token and its tag as in all lines of the output.
            head += [text.strip() if _MARKED_DOCUMENT.fullmatch(text) else f"{DOCUMENT_MARK} O", ""]
        elif text.strip():
            values = _split(text)
            if not rows and text[0] == "#" and _is_comment(values, layout):
                document = next_document(text, document)
                named = _SENTENCE_NAME.match(text)
                sentence_name = named[1] if named else sentence_name
                head.append(text)
                continue
            layout = layout or _layout_of(values)
            if len(values) != layout.num_columns:
                raise UserError(
                    f"{name}:{line.number}: the line has {len(values)} columns, and those before it have "
                    f"{layout.num_columns}"
                )
            if not (layout.is_numbered and _NO_WORD.fullmatch(values[0])):
                rows.append(_Row(line.number, values))


def _sentence(
    rows: list[_Row], name: str, columns: TokenColumns, head: list[str], document: OpenDocument, sentence_name: str
) -> Document:
    tokens = [_value(row, columns.token, "--token-column", name) for row in rows]
    features = {
        feature: [[_value(row, column, f"--feature {feature}=", name) for row in rows]]
        for feature, column in columns.features.items()
    }
    names = {"id": sentence_name, "document": document.name}
    others = {key: value for key, value in names.items() if value}
    return document_of_tokens([tokens], features)._replace(head=head, others=others)


def _split(text: str) -> list[str]:
    """As in data_prep: tabs separate columns if there are any, else runs of spaces; other white space is text."""
    return text.split("\t") if "\t" in text else [value for value in text.split(" ") if value]


def _layout(lines: list[InputLine]) -> _Layout | None:
    """That of the first line which cannot be a comment."""
    texts = (line.text.rstrip("\r\n") for line in lines)
    first = next((text for text in texts if text.strip() and not text.startswith(("#", DOCUMENT_MARK))), None)
    return None if first is None else _layout_of(_split(first))


def _layout_of(values: list[str]) -> _Layout:
    is_numbered = len(values) > 1 and re.fullmatch(r"[01](?:[-.][0-9]+)?", values[0]) is not None
    return _Layout(len(values), len(values) > 1 and _TAG.fullmatch(values[-1]) is not None, is_numbered)


def _is_comment(values: list[str], layout: _Layout | None) -> bool:
    """Whether a line that begins with # at the beginning of a sentence is a comment, and not a token with that sign."""
    if len(values) > 1 and _TAG.fullmatch(values[-1]):
        return False
    if layout is None:
        return len(values) > 1
    return len(values) != layout.num_columns or layout.has_tags or "=" in values


def _value(row: _Row, column: int, option: str, name: str) -> str:
    where, values = f"{name}:{row.number}", row.values
    option = option if option.endswith("=") else f"{option} "
    if not -len(values) <= column < len(values):
        raise UserError(f"{where}: the line has {len(values)} columns, so {option}{column} does not exist")
    if not values[column]:
        raise UserError(f"{where}: column {column} is empty; expected a value in every column")
    return values[column]


def _refuse_numbers(lines: list[InputLine], name: str, columns: TokenColumns) -> None:
    """Raises UserError if what is to be the token is its number in the sentence."""
    expected, num_right, first_number, has_counted = 0, 0, 0, False
    for line in lines:
        text = line.text.rstrip("\r\n")
        values = [] if text.startswith(("#", DOCUMENT_MARK)) else _split(text)
        if not -len(values) <= columns.token < len(values) or len(values) < 2:
            expected = 0
            continue
        value = values[columns.token]
        if _NO_WORD.fullmatch(value):
            continue
        if not value.isdecimal() or int(value[:9]) not in ((expected,) if expected else (0, 1)):
            return
        has_counted |= expected > 0
        expected, num_right, first_number = int(value[:9]) + 1, num_right + 1, first_number or line.number
    if num_right > 2 and has_counted:
        other = columns.token + 1
        raise UserError(
            f"{name}:{first_number}: column {columns.token} only counts the tokens of each sentence; name the column "
            f"of the tokens, for example --token-column {other}"
        )
