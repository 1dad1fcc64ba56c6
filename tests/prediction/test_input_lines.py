"""Lines of input files, with their places, and portions of them."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.prediction import input_lines
from ner_dist.prediction.input_lines import InputLine, OpenDocument, Portion, open_input, portions, read_lines
from ner_dist.prediction.read_conll import next_document


def lengths(texts: list[str], format_name: str) -> list[int]:
    lines = [InputLine(i, 0, text + "\n") for i, text in enumerate(texts)]
    return [len(portion.lines) for portion in portions(lines, format_name, next_document)]


def test_portions_end_between_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_lines, "_PORTION_LINES", 3)
    texts = ["a", "b", "c", "d", "", "e", "", "f", "g", "h"]
    assert lengths(texts, "conll") == [5, 5]
    assert lengths(texts, "lines") == [3, 3, 3, 1]
    monkeypatch.setattr(input_lines, "_PORTION_CHARACTERS", 2)
    assert lengths(texts, "text")[0] == 4


def test_a_portion_knows_the_document_that_it_begins_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_lines, "_PORTION_LINES", 2)
    texts = ["a", "", "-DOCSTART- O", "", "b", "", "# newdoc id = x y", "c", "", "d", ""]
    lines = [InputLine(i, 0, text + "\n") for i, text in enumerate(texts)]
    found = list(portions(lines, "conll", next_document))
    # No portion ends between a mark or a comment and its sentence.
    assert [len(portion.lines) for portion in found] == [2, 4, 3, 2]
    assert [portion.document for portion in found] == [(0, ""), (0, ""), (1, "1"), (2, "x y")]
    assert found[0] == Portion(lines[:2], OpenDocument())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(line_end: str) -> None:
    content = line_end.join(["one", "", "zwei ß", "3"])
    found = list(read_lines(io.BytesIO(content.encode()), "file"))
    assert [line.number for line in found] == [1, 2, 3, 4]
    assert [line.text.rstrip("\r\n") for line in found] == ["one", "", "zwei ß", "3"]
    assert all(content[line.offset :].startswith(line.text) for line in found)
    assert "".join(line.text for line in found) == content


def test_bytes_that_are_not_utf_8_are_named() -> None:
    with pytest.raises(UserError, match=r"^file:2: byte 0xe9 is not UTF-8; convert the file, for example with iconv"):
        list(read_lines(io.BytesIO(b"ok\ncaf\xe9\n"), "file"))
    assert next(read_lines(io.BytesIO(b"\xef\xbb\xbfok"), "file")).text == "ok"


def test_a_line_or_a_sentence_that_never_ends_does_not_fill_the_memory() -> None:
    file = io.BytesIO(b"ok\n" + b"a" * 2_000_000)
    with pytest.raises(UserError, match=r"^file:2: a line of more than 1 million bytes; .* --max-line-mb N$"):
        list(read_lines(file, "file", 1))
    # No more of it has been read.
    assert file.tell() < 1_100_000
    lines = read_lines(io.BytesIO(b"# c\n" + b"a O\n" * 300_000), "file")
    with pytest.raises(UserError, match=r"^file:1: lines without a blank one, .* of more than 1 million bytes"):
        list(portions(lines, "conll", next_document, "file", 1))


@pytest.mark.parametrize("place", [5, 12, 15, 30, -5])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, place: int) -> None:
    data = bytearray(gzip.compress(b"one\ntwo\nthree\n" * 100))
    data[place] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(data if place != 5 else data[:-9])
    with open_input(tmp_path / "a.gz") as file, pytest.raises(UserError, match=r"^a\.gz:\d+: "):
        list(read_lines(file, "a.gz"))
