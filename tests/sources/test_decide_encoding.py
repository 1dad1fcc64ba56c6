"""A table is read as UTF-8 if all of it is UTF-8; otherwise as cp1252, unless a single byte is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_format import read_file

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import recognise
from data_prep.sources.source_files import SourceFile

HEADER = b"Sentence #,Word,Tag\n"
ASCII = b"S,a,O\n" * 100


@pytest.mark.parametrize(
    ("rows", "encoding", "last"),
    [
        (ASCII + "S,Michał,B-X\n".encode(), "utf-8", "Michał"),
        (ASCII + b"S,\x85,O\n", "cp1252", "…"),
        (ASCII + "S,Zoë,O\n".encode("cp1252"), "cp1252", "Zoë"),
        (ASCII, "utf-8", "a"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 50, 1 << 19])
def test_the_whole_file_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: bytes, encoding: str, last: str, block_bytes: int
) -> None:
    (tmp_path / "c").write_bytes(HEADER + rows)
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    assert recognise(SourceFile(tmp_path / "c"), ReadOptions("kaggle")).encoding == encoding
    assert read_file(tmp_path / "c", format="kaggle").tokens[-1][-1] == last


def test_a_byte_at_fault_in_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(HEADER + "S,Michał,B-X\n".encode() + b"S,b\xff,O\n")
    (error,) = read_file(tmp_path / "c").errors
    # Of a file that is UTF-8 elsewhere, another encoding would make wrong letters.
    assert "c:3: error: byte 0xff is not utf-8 text, " in error
    assert "--on-undecodable replace" in error
    assert "--encoding" not in error
    assert read_file(tmp_path / "c", encoding="cp1252").tokens[0][1] == "bÿ"
