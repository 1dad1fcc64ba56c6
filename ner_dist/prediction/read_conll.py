"""CoNLL columns -> documents of one sentence each, with the comments and marks of documents that stand before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ner_dist.contract.column_marks import DOCUMENT_MARK, is_blank, is_comment, read_mark
from ner_dist.contract.visible_text import is_blank_text, shown
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, document_of_tokens
from ner_dist.prediction.input_lines import InputLine, OpenDocument, Portion

BYTE_ORDER_MARK = "\ufeff"
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
    mark = read_mark(line, 0)
    if mark.kind == "document" or (mark.kind == "of_document" and mark.name != document.name):
        number = document.number + 1
        return OpenDocument(number, mark.name or str(number))
    return document


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
        if rows and (is_mark or is_blank(text)):
            yield _sentence(rows, name, columns, head, document, sentence_name)
            rows, head, sentence_name = [], [], ""
        if is_mark:
            document = next_document(text, document)
            # The name, or a token and its tag as in all lines of the output.
            head += [text.strip() if read_mark(text, 0).name else f"{DOCUMENT_MARK} O", ""]
        elif not is_blank(text):
            if not rows and text[0] == "#" and _is_comment(text, layout):
                document = next_document(text, document)
                mark = read_mark(text, 0)
                sentence_name = mark.name if mark.kind == "record" else sentence_name
                head.append(text)
                continue
            values = _split(text)
            layout = layout or _layout_of(values)
            _check_row(values, layout, text, f"{name}:{line.number}")
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


def _is_comment(line: str, layout: _Layout | None) -> bool:
    """Whether a line that begins with # at the beginning of a sentence is a comment, and not a token with that sign."""
    if layout is None:
        # Nothing but such lines: a tag tells a token.
        values = _split(line)
        return is_comment(line, len(values), _split, lambda row: len(row) < 2 or bool(_TAG.fullmatch(row[-1])))
    has_tags = layout.has_tags
    return is_comment(line, layout.num_columns, _split, lambda row: not has_tags or bool(_TAG.fullmatch(row[-1])))


def _check_row(values: list[str], layout: _Layout, text: str, where: str) -> None:
    """Raises UserError for what no token's line looks like; data_prep refuses the same."""
    if is_blank_text(text):
        raise UserError(f"{where}: the line is nothing but {shown(text[:40])}, which cannot be seen; remove it")
    if text.startswith(BYTE_ORDER_MARK):
        raise UserError(
            f"{where}: the line begins with U+FEFF amid the file, as where files were joined; remove it: "
            f"{shown(text[:40])}"
        )
    if len(values) != layout.num_columns:
        too_many = ""
        if len(values) > layout.num_columns and not any(values[layout.num_columns :]):
            too_many = "; it ends in a tab too many, remove it"
        raise UserError(
            f"{where}: the line has {len(values)} columns, and those before it have {layout.num_columns}{too_many}: "
            f"{shown(text[:80])}"
        )


def _value(row: _Row, column: int, option: str, name: str) -> str:
    where, values = f"{name}:{row.number}", row.values
    option = option if option.endswith("=") else f"{option} "
    if not -len(values) <= column < len(values):
        raise UserError(f"{where}: the line has {len(values)} columns, so {option}{column} does not exist")
    if is_blank_text(values[column]):
        found = f"is only {shown(values[column])}, which cannot be seen" if values[column] else "is empty"
        raise UserError(f"{where}: column {column} {found}; expected a value in every column")
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
