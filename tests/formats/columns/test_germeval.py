"""GermEval: the outer layer unless the inner one is chosen, and the source names the sentence."""

from __future__ import annotations

from pathlib import Path

import column_samples
from read_format import read_text


def test_the_outer_layer_is_read_and_the_inner_one_named(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.GERMEVAL)
    assert found.tokens == [["Der", "FC", "Köln", "siegt"], ["Lina", "#", "schweigt"]]
    assert (found.entities, found.features) == ([("FC Köln", "ORG"), ("Lina", "PER")], {})
    assert found.problems.warning_lines == [
        f"{tmp_path / 'corpus'}: warning: of two layers of entities the outer one, column 2, is read; "
        "--tag-column 3 reads the inner one"
    ]
    inner = read_text(tmp_path, column_samples.GERMEVAL, tag_column=3)
    assert (inner.tokens, inner.entities) == (found.tokens, [("Köln", "LOC")])
    assert inner.problems.warnings == {}


def test_sources_are_names_of_sentences(tmp_path: Path) -> None:
    found = read_text(tmp_path, column_samples.GERMEVAL)
    assert [(origin.record, origin.document) for origin in found.origins] == [
        ("http://zeitung.example/sport [2009-10-17]", ""),
        ("n-ews.example vom 26.02.2005 [2005-02-26]", ""),
    ]
    assert found.documents == [0, 0]


def test_the_lines_of_sources_may_be_missing(tmp_path: Path) -> None:
    text = "".join(line for line in column_samples.GERMEVAL.splitlines(keepends=True) if line[0] != "#")
    found = read_text(tmp_path, text)
    assert (found.format, found.entities) == ("germeval", [("FC Köln", "ORG"), ("Lina", "PER")])
