"""CoNLL-2012: brackets become tags, parts are documents, and brackets that do not match are named."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from read_format import read_text


def row(number: int, token: str, brackets: str) -> str:
    return f"d   0   {number}   {token}   NN   (TOP*)   -   -   -   -   {brackets}   (5)\n"


def test_entities_and_documents_are_read(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CONLL2012)
    assert found.tokens == [["Ana", "Ruiz", "left"], ["Oslo"], ["Two", "long", "days"]]
    assert found.entities == [("Ana Ruiz", "PERSON"), ("Oslo", "GPE"), ("Two long days", "DATE")]
    assert found.features == {"pos": [["NNP", "NNP", "VBD"], ["NNP"], ["CD", "JJ", "NNS"]]}
    assert (found.documents, found.lines) == ([1, 1, 2], [2, 6, 10])
    assert [origin.document for origin in found.origins] == ["nw/made/00/made_0001"] * 2 + [
        "nw/made/00/made_0001; part 1"
    ]


def test_features_are_named_by_number(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CONLL2012, features=(("speaker", "9"), ("lemma", "6")))
    assert found.features["lemma"][0] == ["-", "-", "leave"]
    errors = read_text(tmp_path, column_samples.CONLL2012, features=(("lemma", "LEMMA"),)).errors
    assert "--feature NAME=COLUMN needs the number of a column" in errors[0]


@pytest.mark.parametrize(
    ("brackets", "line", "message"),
    [
        (["(A*", "(B)"], 3, "'(B)' opens an entity inside another, of type 'A'"),
        (["*", "*)"], 3, "'*)' closes an entity that is not open"),
        (["*", "(A*"], 3, "the entity of type 'A' is not closed in its sentence"),
        (["*", "B-A"], 3, "'B-A' is not an entity bracket, expected *, (TYPE*, *) or (TYPE)"),
        (["*", "(A"], 3, "'(A' is not an entity bracket"),
    ],
)
def test_brackets_that_do_not_match_are_named(tmp_path: Path, brackets: list[str], line: int, message: str) -> None:
    lines = "".join(row(i, "a", some) for i, some in enumerate(brackets))
    found = read_text(tmp_path, f"#begin document (d); part 000\n{lines}\n{row(0, 'b', '(A)')}\n", format="conll2012")
    assert found.tokens == [["b"]]
    assert found.errors[0].startswith(f"{tmp_path / 'corpus'}:{line}: error: {message}")


def test_lines_that_are_too_short_are_named(tmp_path: Path) -> None:
    found = read_text(tmp_path, "#begin document (d); part 000\nd 0 0 a NN\n\n", format="conll2012")
    assert "corpus:2: error: the line has 5 columns, expected 11 or more" in found.errors[0]
