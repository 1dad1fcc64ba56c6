"""Where files are cut, and that pieces are read as the whole is."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.passes import partitions
from data_prep.passes.partitions import CutFile, cut_files, piece_bytes
from data_prep.sources.source_files import CutAt, SourceFile
from data_prep.sources.text_source import split_lines, text_blocks
from ner_dist.engines.one_process import OneProcess

LINES = st.sampled_from(
    ["EU B-ORG", "é O", "", "", " ", "-DOCSTART- O", "# newdoc id = a", "# text", "\ufeff", "\ufeffx O", "a\rb O"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def pieces_of(path: Path, cut_at: CutAt | None, num_bytes: int, encoding: str = "utf-8") -> list[SourceFile]:
    ((*pieces,),) = cut_files([CutFile(SourceFile(path), cut_at, encoding)], OneProcess(), num_bytes)
    return pieces


def numbered_lines(file: SourceFile, encoding: str = "utf-8") -> list[tuple[int, str]]:
    """The lines that are not blank."""
    blocks = text_blocks(file, encoding)
    lines = [(number, line) for first_line, text in blocks for number, line in enumerate(split_lines(text), first_line)]
    return [(number, line) for number, line in lines if line]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut") / "corpus.conll"


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(LINES, max_size=40),
    end=ENDS,
    num_bytes=st.integers(1, 60),
    block_bytes=st.integers(1, 80),
    cut_at=st.sampled_from(["sentences", "lines"]),
)
def test_pieces_make_up_the_file_and_number_its_lines(
    place: Path, lines: list[str], end: str, num_bytes: int, block_bytes: int, cut_at: CutAt
) -> None:
    place.write_bytes("".join(line + end for line in lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "_BLOCK_BYTES", block_bytes)
        pieces = pieces_of(place, cut_at, num_bytes)
    assert [line for piece in pieces for line in numbered_lines(piece)] == numbered_lines(SourceFile(place))
    content = place.read_bytes()
    parts = [content if piece.piece is None else content[piece.piece.begin : piece.piece.end] for piece in pieces]
    assert b"".join(parts) == content
    if cut_at == "sentences":
        assert all(part.endswith((b"\n\n", b"\n\r\n")) for part in parts[:-1])
        if "-DOCSTART- O" in lines or "# newdoc id = a" in lines:
            assert all(part.startswith((b"-DOCSTART-", b"# newdoc")) for part in parts[1:])


SENTENCES = "".join(f"w{number} O\nx B-X\n\n" for number in range(100))


def test_a_file_of_sentences_is_cut_into_pieces_of_about_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text(SENTENCES)
    pieces = pieces_of(path, "sentences", 200)
    sizes = [piece.piece.end - piece.piece.begin for piece in pieces if piece.piece]
    assert len(sizes) == len(SENTENCES) // 200
    assert max(sizes) < 420


def test_what_cannot_be_cut_stays_whole(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("plain", "zipped", "wide", "named", "absent")}
    paths["plain"].write_text(SENTENCES)
    paths["zipped"].write_bytes(gzip.compress(SENTENCES.encode() * 20))
    paths["wide"].write_bytes(codecs.BOM_UTF16_LE + SENTENCES.encode("utf-16-le"))
    paths["named"].write_text(SENTENCES.replace("w7 O", "# doc_id = 3\nw7 O"))
    assert len(pieces_of(paths["plain"], "sentences", 50)) > 10
    assert pieces_of(paths["plain"], None, 50) == [SourceFile(paths["plain"])]
    assert pieces_of(paths["plain"], "sentences", 2000) == [SourceFile(paths["plain"])]
    assert pieces_of(paths["zipped"], "sentences", 50) == [SourceFile(paths["zipped"])]
    assert pieces_of(paths["wide"], "sentences", 50, "utf-16") == [SourceFile(paths["wide"])]
    assert pieces_of(paths["named"], "sentences", 50) == [SourceFile(paths["named"])]
    assert pieces_of(paths["absent"], "sentences", 50) == [SourceFile(paths["absent"])]


def test_pieces_are_large_enough_for_a_task_and_small_enough_for_all_workers(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert piece_bytes([SourceFile(path)], 8) == 32 << 20
    assert piece_bytes([SourceFile(path)], 1000) == partitions.MIN_BYTES
    assert piece_bytes([SourceFile(path)], 1) == partitions.MAX_BYTES
