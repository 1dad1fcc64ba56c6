"""CoNLL columns become sentences with their features; comments and marks of documents are kept, mistakes named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from read_format import read_text

from ner_dist.errors import UserError
from ner_dist.prediction import input_lines
from ner_dist.prediction.documents import Document
from ner_dist.prediction.input_lines import portions, read_lines
from ner_dist.prediction.output_formats import document_writer
from ner_dist.prediction.read_conll import TokenColumns, conll_documents, next_document


def documents(content: str, columns: TokenColumns = TokenColumns()) -> list[Document]:  # noqa: B008
    lines = read_lines(io.BytesIO(content.encode()), "file")
    found = portions(lines, "conll", next_document)
    return [document for portion in found for document in conll_documents(portion, "file", columns)]


def tokens(found: list[Document]) -> list[list[str]]:
    return [sentence.tokens for document in found for sentence in document.sentences]


def test_columns_are_tokens_and_features() -> None:
    content = "# made up\n-DOCSTART- -X- O O\n\nJohn NNP O\nran  VBD O\n\n# NN O\nx\u00a0y CD O\n"
    found = documents(content, TokenColumns(0, {"pos": 1, "tag": -1}))
    assert tokens(found) == [["John", "ran"], ["#", "x\u00a0y"]]
    assert [document.sentences[0].features for document in found] == [
        {"pos": ["NNP", "VBD"], "tag": ["O", "O"]},
        {"pos": ["NN", "CD"], "tag": ["O", "O"]},
    ]
    assert documents("a\tb c\n", TokenColumns(-1))[0].sentences[0].tokens == ["b c"]
    assert tokens(documents("a O\rb O\r\rc O")) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # As many columns as a token's line, before the first of them and later.
        ("# sent_id = 2\nAda NNP _ B-PER\nran VBD _ O\n", [["Ada", "ran"]]),
        ("Ada NNP _ B-PER\n\n# sent_id = 3\nran VBD _ O\n", [["Ada"], ["ran"]]),
        ("Ada _ _ B-PER\n\n# id 1-2 domain=en\nran _ _ O\n", [["Ada"], ["ran"]]),
        ("# id 1-2\tdomain=en\nran _ _ O\n", [["ran"]]),
        # Without tags.
        ("# sent_id = 2\nAda NNP a b\n", [["Ada"]]),
        ("Ada NNP\n\n# NN\n1 CD\n", [["Ada"], ["#", "1"]]),
        ("Ada\n\n#\nAda\n", [["Ada"], ["#", "Ada"]]),
        # Tokens with that sign.
        ("# O\n1 O\n\n#ada B-PER\n", [["#", "1"], ["#ada"]]),
        ("Ada O\n# O\n#x O\n", [["Ada", "#", "#x"]]),
        ("# NN\n", []),
    ],
)
def test_comments_are_told_from_tokens(content: str, expected: list[list[str]]) -> None:
    assert tokens(documents(content)) == expected


@pytest.mark.parametrize(
    "comment",
    [
        *(
            "# sent_id = 2",
            "# sent_id = B-2",
            "#id = O",
            "# text = a O",
            "# newdoc id = d O",
            "# newpar",
            "# id 7-1 domain=en",
        ),
        *("#begin document (a/b); part 001", "# doc_id = d 1", "# made up", "# Ada NNP NNP", "#\tx\ty\tO"),
        # Tokens, and lines that only seem to be blank.
        *("# NNP x O", "#Ada NNP x B-PER", " ", "\t", "\r"),
    ],
)
def test_a_line_is_what_it_is_in_preparation(comment: str, tmp_path: Path) -> None:
    content = f"Ada NNP x B-PER\nran VBD x O\n\n{comment}\nBo NNP x B-PER\nate VBD x O\n\nhe PRP x O\n"
    prepared = read_text(tmp_path, content)
    found = documents(content)
    assert tokens(found) == prepared.tokens
    assert [document.others.get("id", "") for document in found] == [origin.record for origin in prepared.origins]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\n\n\ufeff\n\nb O\n", r"^file:3: the line is nothing but '\\ufeff', which cannot be seen; remove it"),
        ("a O\n\u00a0\nb O\n", r"^file:2: the line is nothing but '\\u00a0', which cannot be seen"),
        ("a O\n\n\ufeffb O\n", r"^file:3: the line begins with U\+FEFF amid the file, .*: '\\ufeffb O'"),
        ("a\tO\nb\tO\t\n", r"^file:2: the line has 3 columns, .* 2; it ends in a tab too many, remove it: 'b\\tO\\t'"),
        ("a\tO\n\u200b\tO\n", r"^file:2: column 0 is only '\\u200b', which cannot be seen; expected a value"),
        ("a\tO\n\tO\n", r"^file:2: column 0 is empty; expected a value"),
    ],
)
def test_what_cannot_be_seen_is_an_error_that_shows_it(content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        documents(content)


def test_a_byte_order_mark_at_the_beginning_is_no_text() -> None:
    assert tokens(documents("\ufeffa O\nb O\n")) == [["a", "b"]]


def test_words_written_as_one_and_left_out_are_no_tokens() -> None:
    rows = ["1-2\tdel\t_", "1\tde\tO", "2\tel\tO", "2.1\tx\t_", "3\trío\tB-LOC"]
    assert tokens(documents("# text = del río\n" + "\n".join(rows) + "\n", TokenColumns(1))) == [["de", "el", "río"]]


NAMED = """-DOCSTART- -X- O O

# a comment
Ada NNP B-NP B-PER

-DOCSTART- -X- O O

ran VBD B-VP O

# newdoc id = third one
# sent_id = s 3
fast RB B-ADVP O

-DOCSTART-
end NN B-NP O
"""


def test_documents_and_sentences_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [
        {"document": "1"},
        {"document": "2"},
        {"id": "s 3", "document": "third one"},
        {"document": "4"},
    ]
    for lines in (4096, 1):
        # However many portions there are.
        monkeypatch.setattr(input_lines, "_PORTION_LINES", lines)
        assert [document.others for document in documents(NAMED)] == expected
    begun = "#begin document (a/b); part 000\nAda O\n\n#end document\n#begin document (a/b); part 001\nran O\n"
    assert [document.others["document"] for document in documents(begun)] == ["a/b", "a/b; part 1"]
    assert [document.others for document in documents("Ada O\n\nran O\n")] == [{}, {}]


def test_marks_of_documents_keep_their_names() -> None:
    content = "-DOCSTART- (1 EU)\n\nAda O\n\n-DOCSTART- (2 (b))\n\nran O\n\n-DOCSTART-\n\nend O\n\n"
    read = documents(content)
    assert [document.others["document"] for document in read] == ["1 EU", "2 (b)", "3"]
    write = document_writer("conll", [], "").portion
    assert write(read).decode() == content.replace("-DOCSTART-\n", "-DOCSTART- O\n")


@pytest.mark.parametrize("lines", [1, 4096])
def test_marks_and_comments_are_written_where_they_were_read(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_lines, "_PORTION_LINES", lines)
    write = document_writer("conll", [], "").portion
    assert write(documents(NAMED)).decode() == (
        "-DOCSTART- O\n\n# a comment\nAda O\n\n-DOCSTART- O\n\nran O\n\n"
        "# newdoc id = third one\n# sent_id = s 3\nfast O\n\n-DOCSTART- O\n\nend O\n\n"
    )


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("a N\nb\n", (0, 1), r"^file:2: the line has 1 columns, and those before it have 2"),
        ("a\n", (0, 1), r"^file:1: the line has 1 columns, so --feature pos=1 does not exist"),
        ("a\n", (3, 0), r"^file:1: the line has 1 columns, so --token-column 3 does not exist"),
        ("a\tN\nb\t\n", (0, 1), r"^file:2: column 1 is empty; expected a value in every column"),
        (
            "# x\n1\tAda\tO\n2\tran\tO\n\n1\tA\tO\n",
            (0, 1),
            r"^file:2: column 0 only counts .* example --token-column 1",
        ),
        ("0 Ada O\n1 ran O\n2 far O\n", (0, 1), r"^file:1: column 0 only counts the tokens of each sentence"),
    ],
)
def test_mistakes_name_file_and_line(content: str, columns: tuple[int, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        documents(content, TokenColumns(columns[0], {"pos": columns[1]}))


def test_numbers_as_tokens_are_no_mistake() -> None:
    assert tokens(documents("1 CD\n0 CD\n\n12 CD\n13 CD\n")) == [["1", "0"], ["12", "13"]]
