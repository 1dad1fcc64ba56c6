"""PubTator: places in title and abstract together, and mentions that are checked against their text."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_format import read_text

TITLE, ABSTRACT = "Zolin and colitis.", "Colitis in mice (n=12) after zolin-B."
TEXT = f"{TITLE}\n{ABSTRACT}"


def mention(words: str, entity_type: str, start: int | None = None, name: str = "77") -> str:
    start = TEXT.index(words) if start is None else start
    return f"{name}\t{start}\t{start + len(words)}\t{words}\t{entity_type}\tD0012"


DOCUMENT = "\n".join(
    [
        f"77|t|{TITLE}",
        f"77|a|{ABSTRACT}",
        mention("Zolin", "Chemical"),
        mention("colitis", "Disease"),
        mention("Colitis", "Disease"),
        mention("mice", "Species") + "\tmouse",
        "77\tCID\tD0012\tD0013",
    ]
)


def test_title_and_abstract_are_one_text(tmp_path: Path) -> None:
    second = DOCUMENT.replace("77", "78")
    read = read_text(tmp_path, f"{DOCUMENT}\n\n{second}\n")
    assert (read.format, read.evidence, read.errors) == ("pubtator", "'77|t|' before a title", [])
    found = [("Zolin", "Chemical"), ("colitis", "Disease"), ("Colitis", "Disease"), ("mice", "Species")]
    assert read.entities == found * 2
    assert "".join(origin.text or "" for origin in read.origins) == TEXT * 2
    assert list(dict.fromkeys((o.record, o.document) for o in read.origins)) == [("77", "77"), ("78", "78")]
    assert sorted(set(read.documents)) == [1, 2]
    assert read.lines[0] == 1
    assert read.lines[-1] == 9


def test_a_title_begins_a_document_even_without_a_blank_line(tmp_path: Path) -> None:
    assert set(read_text(tmp_path, f"{DOCUMENT}\n78|t|Rain.\n78|a|\n").documents) == {1, 2}


@pytest.mark.parametrize(
    ("line", "number", "message"),
    [
        (mention("colitis", "Disease", 9), 8, "is ' coliti' in the text, but 'colitis'"),
        (mention("mice", "Species", name="78"), 8, "a line of '78' among those of '77'"),
        ("77\t3\tx", 8, "expected id, start, end, mention and type"),
        ("some prose", 8, "expected id, start, end, mention and type"),
        ("\n" + mention("mice", "Species"), 9, "a mention without a title"),
    ],
)
def test_wrong_lines_are_errors_at_their_lines(tmp_path: Path, line: str, number: int, message: str) -> None:
    (error,) = read_text(tmp_path, f"{DOCUMENT}\n{line}\n").errors
    assert f"corpus:{number}: error: " in error
    assert message in error
