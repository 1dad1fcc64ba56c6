"""MultiCoNER: names of sentences in comments, and two columns that say nothing."""

from __future__ import annotations

from pathlib import Path

import column_samples
from read_format import read_text


def test_columns_of_nothing_are_no_features(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.MULTICONER)
    assert found.tokens == [["ana", "ruiz", "sings"], ["#", "oslo"]]
    assert found.entities == [("ana ruiz", "Artist"), ("oslo", "HumanSettlement")]
    assert (found.features, found.problems.warnings) == ({}, {})
    assert [origin.record for origin in found.origins] == ["5f2f1a52-7b1c", "81c0"]


def test_without_the_comments_they_are_plain_columns(tmp_path: Path) -> None:
    text = "".join(line for line in column_samples.MULTICONER.splitlines(keepends=True) if not line.startswith("# id"))
    found = read_text(tmp_path, text)
    assert (found.format, found.features) == ("conll", {})
    assert found.tokens == [["ana", "ruiz", "sings"], ["#", "oslo"]]
