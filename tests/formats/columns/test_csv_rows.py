"""Where sentences of a table surely begin, so that it can be read in pieces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_format import read_source

from data_prep.formats.corpus_format import ReadOptions
from data_prep.passes import partitions, sure_rows
from data_prep.passes.partitions import CutFile, cut_files
from data_prep.problems import CorpusError
from data_prep.sources import text_source
from data_prep.sources.source_files import SourceFile
from ner_dist.engines.one_process import OneProcess

FIELDS = st.sampled_from(["1", "2", "1", "2", "", "nan", "Ana", '"a ""b"""', '","', "\u00e9", "O", "B-X", "\ufeff"])
ROWS = st.lists(FIELDS, min_size=2, max_size=5).map(",".join)
# Rows of the usual form, so that not all are wrong; others; and what is no row at all.
LINES = (
    st.tuples(st.sampled_from(["1", "2", "3", "", ""]), st.sampled_from(["Ana", "", '"x,y"']), st.just("O")).map(
        ",".join
    )
    | ROWS
    | st.sampled_from(["", "", " ", ",", ",,", ",,,", '"open', 'shut",O', "1,a\rb,O", '1,"a', 'b",O', "\u200b"])
)
HEADERS = ["sid,word,tag", "word,tag", "sid,word,tag,doc_id", "tag,word,sid"]


def cut(path: Path, encoding: str, num_bytes: int) -> list[SourceFile]:
    return cut_files([CutFile(SourceFile(path), "rows", encoding, "csv", ReadOptions())], OneProcess(), num_bytes)[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "corpus"


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(LINES, max_size=40),
    header=st.sampled_from(HEADERS),
    end=st.sampled_from(["\n", "\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "cp1252"]),
    num_bytes=st.integers(1, 200),
    block_bytes=st.integers(20, 300),
    table_bytes=st.integers(1, 300),
)
def test_pieces_of_a_table_are_read_as_the_whole(
    place: Path,
    lines: list[str],
    header: str,
    end: str,
    encoding: str,
    num_bytes: int,
    block_bytes: int,
    table_bytes: int,
) -> None:
    place.write_bytes((end.join([header, *lines]) + end).encode(encoding, "replace"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_source, "BLOCK_BYTES", block_bytes)
        patch.setattr(partitions, "_BLOCK_BYTES", block_bytes)
        patch.setattr(sure_rows, "READ_BYTES", (table_bytes, 4000))
        options = {"format": "csv", "encoding": encoding}
        try:
            whole = read_source(SourceFile(place), **options)
        except CorpusError:
            # As without an end of sentences, or too few rows for a table.
            return
        pieces = cut(place, encoding, num_bytes)
        try:
            parts = [read_source(piece, **options) for piece in pieces]
        except CorpusError:
            # Then the file is read as a whole.
            return
    if sum(len(part.tokens) for part in parts) < 2:
        return
    for field in ("tokens", "tags", "lines"):
        assert [one for part in parts for one in getattr(part, field)] == getattr(whole, field), field
    assert [one.document for part in parts for one in part.origins] == [one.document for one in whole.origins]
    assert sum((part.problems.error_kinds for part in parts), Counter()) == whole.problems.error_kinds
    assert sum((part.problems.warnings for part in parts), Counter()) == whole.problems.warnings
    assert set(whole.errors) <= {line for part in parts for line in part.errors}


@pytest.mark.parametrize(
    "rows",
    [
        "1,a,O\n,b,O\n" * 3 + "2,a,O\n,b,O\n" * 3,
        "".join(f"{i},a,O\n" for i in (1, 1, 1, 1, 1, 1, 1, 2, 2, 2)),
    ],
)
def test_a_row_with_the_label_before_it_begins_no_piece(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("sid,word,tag\n" + rows)
    pieces = cut(path, "utf-8", 8)
    begins = [path.read_bytes()[piece.piece.begin :][:4] for piece in pieces if piece.piece]
    assert begins == [b"sid,", b"2,a,"]


def test_a_table_in_which_nothing_says_where_sentences_begin_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    for text in ("word,tag\n" + "a,O\n" * 50, "sid,word,tag\n" + "1,a,O\n" * 50, "sid,word\n" + "1,a\n2,b\n" * 50):
        path.write_text(text)
        assert cut(path, "utf-8", 20) == [SourceFile(path)]
