"""Undecodable bytes and byte-order marks are found wherever the blocks of a file end."""

from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path

import pytest

from data_prep.dirt.dirty_text import DirtyText
from data_prep.dirt.policies import Policies
from data_prep.problems import Problems
from data_prep.sources.text_source import text_pieces


def read(path: Path, encoding: str = "utf-8", **policies: str) -> tuple[str, Problems]:
    data = path.read_bytes()
    dirty = DirtyText("c", encoding, False, Policies(**policies), lambda: nullcontext(iter([data])))
    text, problems = "".join(piece for _, piece in text_pieces(path, encoding, None, dirty)), Problems()
    dirty.report(problems)
    return text, problems


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1 << 19])
def test_marks_and_bytes_are_found_at_the_borders_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    path = tmp_path / "c"
    path.write_bytes("é a\n\ufeffb\ufeff c\n\ufeff\n\ufeff\ufeffd \ufeff\n\ufeff\te".encode() + b"\xe2\x82 \xff\xfe\n")
    text, problems = read(path, on_undecodable="replace", on_invisible_line="drop")
    # A line of it alone, and one with an empty token, are left to those who know of lines and tokens.
    assert text == "é a\nb\ufeff c\n\ufeff\nd \ufeff\n\ufeff\te\ufffd \ufffd\ufffd\n"
    assert problems.warnings == {"byte_order_marks_dropped": 2, "undecodable_bytes_replaced": 3}
    _, problems = read(path)
    lines = [error.split(": error: ")[0] for error in problems.errors]
    assert sorted(lines) == ["c:2", "c:4", "c:5", "c:5", "c:5"]


@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 19])
def test_half_a_character_of_utf16_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", block_bytes)
    (tmp_path / "c").write_bytes("a\nb".encode("utf-16-le") + b"\x00\xdc" + "c\n".encode("utf-16-le") + b"x")
    text, problems = read(tmp_path / "c", "utf-16-le", on_undecodable="drop")
    assert (text, problems.warnings) == ("a\nbc\n", {"undecodable_bytes_dropped": 2})


def test_of_very_many_places_only_the_number_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.dirt.dirty_text.MAX_KEPT", 5)
    (tmp_path / "c").write_bytes(io.BytesIO(b"\xff a\n" * 30).getvalue())
    assert read(tmp_path / "c")[1].num_errors == 30
    assert read(tmp_path / "c", on_undecodable="drop")[1].warnings == {"undecodable_bytes_dropped": 30}
