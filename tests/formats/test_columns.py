"""Parsing a block at once gives what looking at each of its lines gives, or leaves the block to that."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import conll, kaggle
from data_prep.formats.columns import parse
from data_prep.formats.numbering import no_strings
from data_prep.formats.read_corpus import read_corpus
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings

FIELD = st.sampled_from(
    ["a", "b", "", " ", "O", "B-X", "#", '"', '""', '"c,d"', '"e""f"', '"g', 'h"i', "é", "\0", "\ufeff"]
)
ENDING = st.sampled_from(
    ["\n", "\n", "\n", "\r\n", "\n\n", "\r", "\n \n", "\n\t\n", "\n# note\n", "\n-DOCSTART- -X- O\n"]
)


def texts(delimiters: list[str]) -> st.SearchStrategy[str]:
    """Lines that are mostly of three columns, and now and then what a reader must look at."""
    row = st.tuples(st.lists(FIELD, min_size=3, max_size=3) | st.lists(FIELD), st.sampled_from(delimiters), ENDING)
    return st.lists(row, max_size=12).map(lambda rows: "".join(sep.join(fields) + end for fields, sep, end in rows))


def read(path: Path, format_name: str) -> object:
    problems, strings = Problems(), no_strings()
    try:
        blocks = [
            [column.tolist() for column in block]
            for block in read_corpus(path, Settings(format=format_name, encoding="utf-8"), problems, strings)
        ]
    except CorpusError as error:
        return str(error)
    # How sentences come in blocks does not matter.
    return (
        [list(itertools.chain(*columns)) for columns in zip(*blocks)],
        [list(names) for names in strings],
        problems.errors,
    )


@given(
    text=texts([",", ",", ", "]) | texts([" ", " ", "\t", "  "]), header=st.booleans(), block_bytes=st.integers(1, 60)
)
def test_parsing_at_once_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str, header: bool, block_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "columns"
    path.write_text(("Sentence #,Word,Tag\n" if header else "") + text + "x", encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_prep.formats.text_source.BLOCK_BYTES", block_bytes)
        name = "kaggle" if header else "conll"
        at_once = read(path, name)
        for reader in (kaggle, conll):
            patch.setattr(reader, "parse", lambda *arguments, **options: None)
        assert at_once == read(path, name)


def test_sound_lines_are_parsed_at_once_without_the_empty_ones() -> None:
    table = parse('a,"b,""c"""\r\n\r\nNA,\r\na,null', 2, [1, 0], ",", quoted=True)
    assert table is not None
    assert [column.values for column in table.columns] == [['b,"c"', "", "null"], ["a", "NA"]]
    assert [column.code_M.tolist() for column in table.columns] == [[0, 1, 2], [0, 1, 0]]
    assert (table.line_M.tolist(), table.num_lines) == ([0, 2, 3], 4)


@pytest.mark.parametrize(
    "text",
    ["a,b\nc", "a,b\nc,d,e", 'a,"b\nc,d"', 'a,"b"c', 'a,b"c"', 'a, "b"', "a\rb,c", "a,b\0", f"a,{'b' * (1 << 17)}"],
)
def test_what_a_reader_must_look_at_is_left_to_it(text: str) -> None:
    assert parse(text, 2, [0, 1], ",", quoted=True) is None


def test_a_text_of_empty_lines_has_no_rows() -> None:
    table = parse("\n\n", 3, [0, 1], " ", quoted=False)
    assert table is not None
    assert (table.num_lines, len(table.line_M), [len(column.code_M) for column in table.columns]) == (3, 0, [0, 0])
    assert all(isinstance(column.code_M, np.ndarray) for column in table.columns)
