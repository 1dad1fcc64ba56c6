"""WikiNER: a sentence per line of token|pos|tag; tokens may contain the separator."""

from __future__ import annotations

from pathlib import Path

import column_samples
import pytest
from read_format import read_text

from data_prep.problems import CorpusError


def test_a_line_is_a_sentence(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.WIKINER)
    assert found.tokens == [["Ana", "Ruiz", "left", "Oslo", "."], ["A", "pipe", "|", "is", "no", "wall"]]
    assert found.tags[0] == ["I-PER", "I-PER", "O", "I-LOC", "O"]
    assert found.features["pos"][1] == ["DT", "NN", "SYM", "VBZ", "DT", "NN"]
    assert found.lines == [1, 3]
    assert read_text(tmp_path, column_samples.WIKINER, pos_column=None).features == {}
    named = read_text(tmp_path, column_samples.WIKINER, features=(("kind", "1"),)).features
    assert named == {"kind": found.features["pos"]}
    errors = read_text(tmp_path, column_samples.WIKINER, features=(("dep", "3"),)).errors
    assert "there is only the part between token and tag" in errors[0]


def test_the_part_of_speech_may_be_missing(tmp_path: Path) -> None:
    found = read_text(tmp_path, "Ana|B-PER left|O\nOslo|B-LOC\n")
    assert (found.format, found.tokens, found.features) == ("wikiner", [["Ana", "left"], ["Oslo"]], {})


def test_a_token_without_its_parts_is_named(tmp_path: Path) -> None:
    lines = "Ana|NNP|I-PER left|VBD|O\n"
    found = read_text(tmp_path, lines * 20 + "Oslo|I-LOC\n" + lines)
    assert found.errors == [f"{tmp_path / 'corpus'}:21: error: 'Oslo|I-LOC' is not token|pos|tag, as most tokens"]
    assert len(found.tokens) == 21
    # Also in the first line, which then looks like token|tag.
    found = read_text(tmp_path, "Ana|NNP|I-PER Oslo|I-LOC\n" + lines * 20)
    assert found.errors == [f"{tmp_path / 'corpus'}:1: error: 'Oslo|I-LOC' is not token|pos|tag, as most tokens"]


@pytest.mark.parametrize(
    "text", ["a|b|c d|e|f\n", "Prose without any separator.\n", "| a | table |\n", "Ana|B-X\nleft|O\n"]
)
def test_other_lines_are_not_taken(tmp_path: Path, text: str) -> None:
    with pytest.raises(CorpusError, match="format cannot be recognised"):
        read_text(tmp_path, text)
