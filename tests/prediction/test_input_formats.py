"""Input files become documents: each format but CoNLL and JSON, which have tests of their own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_dist.contract.tokenizers import choose, make_tokenizer
from ner_dist.prediction import input_formats
from ner_dist.prediction.documents import Document, Sentence
from ner_dist.prediction.input_formats import InputOptions, read_documents
from ner_dist.prediction.input_lines import portions, read_lines
from ner_dist.prediction.read_conll import next_document

WORDS, RULES = make_tokenizer(choose("whitespace", None)), make_tokenizer(choose("rules", "en"))


def segment(text: str) -> Document:
    return Document(text, [Sentence(*sentence) for sentence in WORDS.sentences(text)])


def documents(content: str, format_name: str) -> list[Document]:
    lines = read_lines(io.BytesIO(content.encode()), "file")
    return [
        document
        for portion in portions(lines, format_name, next_document)
        for document in read_documents(portion, format_name, "file", InputOptions(segment))
    ]


def tokens(found: list[Document]) -> list[list[str]]:
    return [[token for sentence in document.sentences for token in sentence.tokens] for document in found]


def test_text_is_split_into_paragraphs_with_offsets() -> None:
    content = "One line\nand another.\r\n\r\n \nSecond \u2013 ß.\r\nIts second line.\n"
    found = documents(content, "text")
    assert tokens(found) == [["One", "line", "and", "another."], ["Second", "\u2013", "ß.", "Its", "second", "line."]]
    assert "".join(document.text for document in found) == content
    assert all(content[document.offset :].startswith(document.text) for document in found)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["A title", "Mr. Smith ran.", '"Why?"', "\n", "\r\n", "\r", "\n\n", " ", "\t"])))
def test_paragraphs_have_the_sentences_of_the_whole_text(parts: list[str]) -> None:
    content = "".join(parts)
    found = [
        (sentence.tokens, [document.offset + start for start in sentence.starts])
        for document in documents(content, "text")
        for sentence in RULES.sentences(document.text)
    ]
    assert found == [(sentence.tokens, sentence.starts) for sentence in RULES.sentences(content)]


@pytest.mark.parametrize("format_name", ["tokens", "lines"])
def test_each_line_is_a_text(format_name: str) -> None:
    content = "John lives\n\n in  Paris \r\nend"
    found = documents(content, format_name)
    assert tokens(found) == [["John", "lives"], [], ["in", "Paris"], ["end"]]
    if format_name == "lines":
        assert [document.offset for document in found] == [0, 11, 12, 25]
        assert [document.text for document in found] == ["John lives", "", " in  Paris ", "end"]


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
