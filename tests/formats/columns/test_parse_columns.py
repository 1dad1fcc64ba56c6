"""Parsing a block at once gives what reading it line by line gives, or leaves the block to that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_format import read_file

from data_prep.formats.columns import csv_table
from data_prep.formats.columns import rows as column_rows
from data_prep.formats.columns.parse_columns import ColumnLayout, parse_columns
from data_prep.problems import CorpusError

FIELD = st.sampled_from(
    ["a", "b", "", " ", "O", "B-X", "#", '"', '""', '"c,d"', '"e""f"', '"g', 'h"i', "é", "\0", "\ufeff"]
)
ENDING = st.sampled_from(
    ["\n", "\n", "\n", "\r\n", "\n\n", "\r", "\n \n", "\n\t\n", "\n# note\n", "\n-DOCSTART- -X- O\n"]
)


def texts(delimiters: list[str]) -> st.SearchStrategy[str]:
    """Lines of mostly three columns, and now and then something that needs a closer look."""
    row = st.tuples(st.lists(FIELD, min_size=3, max_size=3) | st.lists(FIELD), st.sampled_from(delimiters), ENDING)
    return st.lists(row, max_size=12).map(lambda rows: "".join(sep.join(fields) + end for fields, sep, end in rows))


def read(path: Path, format_name: str) -> object:
    try:
        found = read_file(path, format=format_name, encoding="utf-8", pos_column=None)
    except CorpusError as error:
        return str(error)
    return (*found[2:-1], found.problems.errors, found.problems.warnings)


@given(
    text=texts([",", ",", ", "]) | texts([" ", " ", "\t", "  "]), header=st.booleans(), block_bytes=st.integers(1, 60)
)
def test_parsing_at_once_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str, header: bool, block_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "columns"
    path.write_text(("Sentence #,Word,Tag\n" if header else "") + text + "x", encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
        name = "kaggle" if header else "conll"
        at_once = read(path, name)
        for reader in (column_rows, csv_table):
            patch.setattr(reader, "parse_columns", lambda *arguments, **options: None)
        assert at_once == read(path, name)


def test_valid_lines_are_parsed_at_once_without_the_empty_ones() -> None:
    table = parse_columns('a,"b,""c"""\r\n\r\nNA,\r\na,null', ColumnLayout(2, [1, 0]), ",", quoted=True)
    assert table is not None
    assert [column.dictionary.to_pylist() for column in table.columns] == [['b,"c"', "", "null"], ["a", "NA"]]
    assert [column.indices.to_pylist() for column in table.columns] == [[0, 1, 2], [0, 1, 0]]
    assert table.line_M.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "text",
    ["a,b\nc", "a,b\nc,d,e", 'a,"b\nc,d"', 'a,"b"c', 'a,b"c"', 'a, "b"', "a\rb,c", "a,b\0", f"a,{'b' * (1 << 17)}"],
)
def test_what_needs_a_closer_look_is_left_to_the_line_reader(text: str) -> None:
    assert parse_columns(text, ColumnLayout(2, [0, 1]), ",", quoted=True) is None


def test_a_text_of_empty_lines_has_no_rows() -> None:
    table = parse_columns("\n\n", ColumnLayout(3, [0, 1]), " ", quoted=False)
    assert table is not None
    assert (len(table.line_M), [len(column) for column in table.columns]) == (0, [0, 0])
    assert all(isinstance(column.indices.to_numpy(), np.ndarray) for column in table.columns)
