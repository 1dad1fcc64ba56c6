"""Input files become documents: each format, its portions, and mistakes in it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.prediction import input_formats
from ner_dist.prediction.documents import Document, Sentence
from ner_dist.prediction.input_formats import InputLine, TokenColumns, portions, read_documents, read_lines


def segment(text: str) -> Document:
    """One sentence of tokens separated by white space."""
    found = list(re.finditer(r"\S+", text))
    sentence = Sentence([m[0] for m in found], [m.start() for m in found], [m.end() for m in found])
    return Document(text, [sentence])


def documents(content: str, format_name: str, columns: TokenColumns = TokenColumns()) -> list[Document]:  # noqa: B008
    lines = read_lines(io.BytesIO(content.encode()), "file")
    return [
        document
        for portion in portions(lines, format_name)
        for document in read_documents(portion, format_name, "file", segment, columns)
    ]


def tokens(found: list[Document]) -> list[list[str]]:
    return [sentence.tokens for document in found for sentence in document.sentences]


def test_text_is_split_into_paragraphs_with_offsets() -> None:
    content = "One line\nand another.\r\n\r\n \nSecond \u2013 ß.\n"
    found = documents(content, "text")
    assert tokens(found) == [["One", "line", "and", "another."], ["Second", "\u2013", "ß."]]
    assert "".join(document.text for document in found) == content
    assert all(content[document.offset :].startswith(document.text) for document in found)


def test_a_long_paragraph_is_split_at_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_formats, "_PARAGRAPH_CHARACTERS", 20)
    content = "a b c d e f\ng h i j k l m\nn o\n" + "x" * 50 + "\n"
    found = documents(content, "text")
    assert "".join(document.text for document in found) == content
    assert [document.text for document in found][:2] == ["a b c d e f\n", "g h i j k l m\nn o\n"[: len(found[1].text)]]
    assert max(len(document.text) for document in found) <= 20


def test_portions_end_between_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_formats, "_PORTION_LINES", 3)
    lines = [InputLine(i, 0, text + "\n") for i, text in enumerate(["a", "b", "c", "d", "", "e", "", "f", "g", "h"])]
    assert [len(portion) for portion in portions(lines, "conll")] == [5, 5]
    assert [len(portion) for portion in portions(lines, "lines")] == [3, 3, 3, 1]
    monkeypatch.setattr(input_formats, "_PORTION_CHARACTERS", 2)
    assert len(next(portions(lines, "text"))) == 4


@pytest.mark.parametrize("format_name", ["tokens", "lines"])
def test_each_line_is_a_text(format_name: str) -> None:
    content = "John lives\n\n in  Paris \r\nend"
    found = documents(content, format_name)
    assert tokens(found) == [["John", "lives"], [], ["in", "Paris"], ["end"]]
    if format_name == "lines":
        assert [document.offset for document in found] == [0, 11, 12, 25]
        assert [document.text for document in found] == ["John lives", "", " in  Paris ", "end"]


def test_conll_columns() -> None:
    content = "# made up\n-DOCSTART- -X- O O\n\nJohn NNP O\nran  VBD O\n\n# NN O\nx\u00a0y CD O\n"
    found = documents(content, "conll", TokenColumns(0, 1))
    assert tokens(found) == [["John", "ran"], ["#", "x\u00a0y"]]
    assert [document.sentences[0].pos for document in found] == [["NNP", "VBD"], ["NN", "CD"]]
    assert documents("a\tb c\n", "conll", TokenColumns(-1))[0].sentences[0].tokens == ["b c"]


def test_json_lines_keep_their_other_fields() -> None:
    content = '{"id": 7, "text": "a b", "entities": []}\n\n{"tokens": ["x", "y"], "pos": ["N", "V"]}\n'
    first, second = documents(content, "jsonl")
    assert (first.text, dict(first.others)) == ("a b", {"id": 7})
    assert (second.sentences[0].tokens, second.sentences[0].pos) == (["x", "y"], ["N", "V"])


@pytest.mark.parametrize(
    ("content", "format_name", "message"),
    [
        ("a N\nb\n", "conll", r"^file:2: the line has 1 columns, and those before it have 2"),
        ("a\n", "conll", r"^file:1: the line has 1 columns, so --pos-column 1 does not exist"),
        ("a\tN\nb\t\n", "conll", r"^file:2: column 1 is empty; expected a value in every column"),
        ("{}\n{", "jsonl", r'^file:1: expected "text", or "tokens" and optionally "pos", found nothing'),
        ('{"text": "a"}\n{"a', "jsonl", r"^file:2: not JSON"),
        ("[1]", "jsonl", r"^file:1: expected a JSON object, found list"),
        ('{"tokens": ["a", 1]}', "jsonl", r'^file:1: "tokens" is not a list of strings'),
        ('{"tokens": ["a", ""]}', "jsonl", r"^file:1: token 2 of .* is empty"),
        ('{"tokens": ["a"], "pos": []}', "jsonl", r"^file:1: 1 tokens, .* but 0 parts of speech"),
        ('{"text": "\\ud800"}', "jsonl", r"^file:1: a lone surrogate"),
        ("[" * 100_000, "jsonl", r"^file:1: not JSON"),
    ],
)
def test_mistakes_name_file_and_line(content: str, format_name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        documents(content, format_name, TokenColumns(0, 1))


def test_bytes_that_are_not_utf_8_are_named() -> None:
    with pytest.raises(UserError, match=r"^file:2: byte 0xe9 is not UTF-8; convert the file, for example with iconv"):
        list(read_lines(io.BytesIO(b"ok\ncaf\xe9\n"), "file"))
    assert next(read_lines(io.BytesIO(b"\xef\xbb\xbfok"), "file")).text == "ok"


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("a.jsonl", "jsonl"),
        ("a.CONLL", "conll"),
        ("a.jsonl.gz", "jsonl"),
        ("a.txt", "text"),
        ("a", "text"),
        (None, "text"),
    ],
)
def test_the_name_of_a_file_decides_its_format(name: str | None, format_name: str) -> None:
    assert input_formats.format_of(Path(name) if name else None, "auto") == format_name
    assert input_formats.format_of(Path(name) if name else None, "lines") == "lines"
