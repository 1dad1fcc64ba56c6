"""CSV with a sentence per row: lists as Python, JSON and NumPy write them, or words separated by spaces."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_format import read_text

from data_prep.formats.columns.csv_sentences import parse_list


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_what_python_writes_is_read(items: list[str]) -> None:
    assert parse_list(repr(items)) == items
    assert parse_list(" ".join(repr(items).split("\n"))) == items


@pytest.mark.parametrize(
    ("field", "items"),
    [
        ("['O' 'B-PER'\n 'O']", ["O", "B-PER", "O"]),
        ('["it\'s", "x"]', ["it's", "x"]),
        ("[0 3\n 1]", ["0", "3", "1"]),
        ("[0, 3]", ["0", "3"]),
        ("O  B-PER", ["O", "B-PER"]),
        ("[]", []),
        ("[ Ana ]", ["Ana"]),
        ("[", ["["]),
    ],
)
def test_lists_of_other_programs(field: str, items: list[str]) -> None:
    assert parse_list(field) == items


@pytest.mark.parametrize("field", ["['a]", "['a'[b]]", '["a" "b]'])
def test_malformed_lists_are_named(field: str) -> None:
    with pytest.raises(ValueError, match="a malformed list"):
        parse_list(field)


def test_rows_of_lists_and_of_texts(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.CSV_LISTS)
    assert (found.tokens, found.tags) == ([["Ana", "'s", "left"], ["Oslo"]], [["B-per", "O", "O"], ["B-geo"]])
    assert (found.features, found.lines) == ({"pos": [["NNP", "POS", "VBD"], ["NNP"]]}, [2, 3])
    found = read_text(tmp_path, column_samples.CSV_TEXTS)
    assert (found.tokens, found.tags) == ([["Ana", "left", "."], ["Oslo"]], [["B-per", "O", "O"], ["B-geo"]])


def test_integers_have_names_only_if_they_are_given(tmp_path: Path) -> None:
    text = "id,tokens,ner_tags\n0,\"['Ana' 'left']\",\"[1\n 0]\"\n1,\"['Oslo']\",[2]\n"
    found = read_text(tmp_path, text, tag_names=("O", "B-PER", "B-LOC"))
    assert (found.tags, found.lines) == ([["B-PER", "O"], ["B-LOC"]], [2, 4])
    assert read_text(tmp_path, text).tags == [["1", "0"], ["2"]]


def test_mistakes_are_named_by_line_and_the_other_rows_read(tmp_path: Path) -> None:
    rows = "text,labels\n" + "Ana left,B-X O\n" * 20 + 'Bo ran,B-X\nCy\n"Di\nran","B-X O"\n'
    found = read_text(tmp_path, rows)
    assert [error.replace(str(tmp_path / "corpus"), "c") for error in found.errors] == [
        "c:22: error: 2 tokens in 'text', but 1 tags",
        "c:23: error: the row has 1 fields, the header 2",
    ]
    assert (len(found.tokens), found.tokens[-1], found.lines[-1]) == (21, ["Di", "ran"], 24)


def test_columns_can_be_named(tmp_path: Path) -> None:
    text = "satz,was\nAna left,B-X O\n"
    found = read_text(tmp_path, text, columns=(("token", "satz"), ("tag", "was")))
    assert (found.format, found.tokens) == ("csv-sentences", [["Ana", "left"]])
