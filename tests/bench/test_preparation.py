"""The benchmark of preparation: its copies of the corpus, and that both sides prepare all of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bench.speed import preparation
from bench.speed.measurement import BenchOptions

ROWS = "".join(
    f"Sentence: {number},The,DT,O\r\n,New,NNP,B-geo\r\n,York,NNP,I-geo\r\n,{number},CD,O\r\n" for number in range(30)
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("corpus.csv", "Sentence #,Word,POS,Tag\r\n" + ROWS)
    return path


def test_copies_repeat_the_rows_and_not_the_header(corpus: Path, tmp_path: Path) -> None:
    text = preparation.multiplied(corpus, 3, tmp_path).read_bytes().decode()
    assert text == "Sentence #,Word,POS,Tag\r\n" + 3 * ROWS
    assert preparation.multiplied(corpus, 1, tmp_path) == corpus


def test_ours_and_the_peer_prepare_every_token(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    from bench.speed import peer_datasets

    assert peer_datasets.build(corpus, tmp_path / "peer") == 120
    assert preparation.num_tokens(tmp_path / "peer") == 120
    assert peer_datasets.build(corpus, tmp_path / "peer-of-two", 2) == 120


def test_without_the_peer_ours_alone_is_measured(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preparation, "peer_python", lambda: "/bin/false")
    monkeypatch.setattr(preparation, "COPIES", {1: 1, 2: 1})
    rows = list(preparation.preparation(BenchOptions(corpus=str(corpus), repeats=1)))
    assert [row.unit for row in rows] == ["tokens/s", "tokens/s", "MB", "MB"] * 2
    # What a process of Python with Arrow takes at least, seen also of the workers.
    assert all(row.value > 20 for row in rows if row.unit == "MB")
    assert "only ours is measured" in capsys.readouterr().out
