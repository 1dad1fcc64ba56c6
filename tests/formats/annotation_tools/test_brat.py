"""brat: a text and its annotations beside it; what is no entity, discontinuous or shifted."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_files import read_files

from data_prep.dirt.policies import Policies

TEXT = "Ann Lee met Bo in Oslo.\nIt rained."
ANNOTATION = "T1\tPER 0 7\tAnn Lee\nT2\tPER 12 14\tBo\nT3\tLOC 18 22\tOslo\n"


def document(folder: Path, annotation: str, text: str | bytes = TEXT, name: str = "doc-7") -> Path:
    (folder / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / f"{name}.ann").write_bytes(annotation.encode())
    return folder / f"{name}.ann"


def test_entities_and_document_are_read_with_the_text_beside_them(tmp_path: Path) -> None:
    found = read_files(document(tmp_path, ANNOTATION))
    assert found.formats == {"doc-7.ann": "brat"}
    assert found.tokens == [["Ann", "Lee", "met", "Bo", "in", "Oslo", "."], ["It", "rained", "."]]
    assert found.spans == [("Ann Lee", "PER"), ("Bo", "PER"), ("Oslo", "LOC")]
    assert found.tags[0] == ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "O"]
    assert [sentence.document for sentence in found.sentences] == [1, 1]
    assert found.documents == {("doc-7.ann", 1): "doc-7"}
    assert "".join(sentence.origin.text for sentence in found.sentences) == TEXT  # type: ignore[union-attr,misc]


def test_a_folder_is_read_a_document_a_file(tmp_path: Path) -> None:
    document(tmp_path, "", "It rained.\n", "b")
    document(tmp_path, "T1\tPER 0 3\tBob\n", "Bob sang.\n", "a")
    (tmp_path / "annotation.conf").write_text("[entities]\nPER\n")
    found = read_files(tmp_path)
    assert found.tokens == [["Bob", "sang", "."], ["It", "rained", "."]]
    assert (found.documents, found.problems.errors) == ({("a.ann", 1): "a", ("b.ann", 1): "b"}, [])


def test_offsets_count_characters(tmp_path: Path) -> None:
    found = read_files(document(tmp_path, "T1\tPER 2 6\tJosé\n", "😀 José sang."))
    assert found.spans == [("José", "PER")]


def test_what_is_no_entity_is_ignored_and_counted(tmp_path: Path) -> None:
    others = "R1\tMet Arg1:T1 Arg2:T2\nE1\tMeet:T2 Who:T1\nA1\tSure T1\nN1\tReference T1 Wiki:7\tAnn\n"
    found = read_files(document(tmp_path, f"{ANNOTATION}{others}#1\tAnnotatorNotes T1\tsure?\n*\tEquiv T1 T2\n"))
    assert len(found.spans) == 3
    assert found.problems.warnings == {"other_annotations_ignored": 6}
    assert "1 relations, 1 events, 1 attributes, 1 normalisations, 1 notes" in found.problems.warning_lines[0]


@pytest.mark.parametrize("quoted", ["New York", "New\tYork"])
def test_parts_with_only_white_space_between_them_are_one_entity(tmp_path: Path, quoted: str) -> None:
    # So brat writes an entity that reaches over the end of a line.
    found = read_files(document(tmp_path, f"T1\tORG 4 7;9 13\t{quoted}\n", "The New \nYork Bank."))
    assert (found.spans, found.problems.errors) == ([("New \nYork", "ORG")], [])


DISCONTINUOUS = "T1\tPER 0 3;12 14\tAnn Bo\nT2\tLOC 18 22\tOslo\n"


@pytest.mark.parametrize("rule", ["fail", "split"])
def test_a_discontinuous_entity_is_an_error(tmp_path: Path, rule: str) -> None:
    found = read_files(document(tmp_path, DISCONTINUOUS), on_misaligned=rule)
    (error,) = found.problems.errors
    assert error.startswith(f"{tmp_path}/doc-7.ann:1: error: T1 is discontinuous: 'Ann Bo' is in 2 parts")
    assert "--on-misaligned drop leaves such entities out, widen adds what is between" in error
    assert not found.sentences


def test_a_discontinuous_entity_is_dropped_or_widened_on_request(tmp_path: Path) -> None:
    path = document(tmp_path, DISCONTINUOUS)
    dropped, widened = read_files(path, on_misaligned="drop"), read_files(path, on_misaligned="widen")
    assert dropped.spans == [("Oslo", "LOC")]
    assert dropped.problems.warnings == {"discontinuous_entities_dropped": 1}
    assert widened.spans == [("Ann Lee met Bo", "PER"), ("Oslo", "LOC")]
    assert widened.problems.warnings == {"discontinuous_entities_widened": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tPER 1 8\tAnn Lee", "T1 covers 'nn Lee ' in the text, but quotes 'Ann Lee', which begins at 0"),
        ("T1\tPER 0 7\tMary Sue", "T1 covers 'Ann Lee' in the text, but quotes 'Mary Sue', which is not in doc-7.txt"),
        ("T1\tPER 30 99\tRain", "T1 covers 30 to 99, and the text has 34 characters; is doc-7.txt the text"),
        ("T1\tPER 7 7\t", "T1 covers 7 to 7"),
        ("T1 PER 0 7 Ann Lee", "'T1 PER 0 7 Ann Lee' is not an annotation such as"),
        ("T1\tPER zero 7\tAnn", "is not an annotation such as"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    found = read_files(document(tmp_path, f"T9\tLOC 18 22\tOslo\n{line}\n"))
    (error,) = found.problems.errors
    assert error.startswith(f"{tmp_path}/doc-7.ann:2: error: ")
    assert message in error
    assert not found.sentences


def test_all_wrong_lines_are_named_at_once(tmp_path: Path) -> None:
    found = read_files(document(tmp_path, "T1\tPER 1 4\tAnn\nT2\tPER 13 15\tBo\n"))
    assert [error.split(":")[1] for error in found.problems.errors] == ["1", "2"]


def test_quotation_marks_that_were_written_in_another_way_are_said(tmp_path: Path) -> None:
    found = read_files(document(tmp_path, 'T1\tSIGN 0 14\t""growling"" cry\n', '"growling" cry.'))
    assert (found.spans, found.problems.warnings) == ([('"growling" cry', "SIGN")], {"quotes_differ": 1})


@pytest.mark.parametrize("shift", [0, 1])
def test_line_ends_of_windows_count_as_the_tool_counted_them(tmp_path: Path, shift: int) -> None:
    text = b"It rained.\r\nAnn sang.\r\n"
    found = read_files(document(tmp_path, f"T1\tPER {12 - shift} {15 - shift}\tAnn\n", text))
    assert (found.spans, found.problems.errors) == ([("Ann", "PER")], [])


def test_a_byte_order_mark_of_the_text_counts_as_nothing(tmp_path: Path) -> None:
    assert read_files(document(tmp_path, ANNOTATION, "\ufeff" + TEXT)).spans[0] == ("Ann Lee", "PER")


def test_a_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = document(tmp_path, "T1\tPER 0 4\n", "José sang.".encode("latin-1"))
    (error,) = read_files(path).problems.errors
    assert "doc-7.txt:1: error: byte 0xe9 is not utf-8 text" in error
    assert "pass --encoding cp1252" in error
    read = read_files(path, policies=Policies(on_undecodable="replace"))
    assert read.problems.warnings == {"undecodable_bytes_replaced": 1}


def test_entities_outside_of_the_text_are_clipped_on_request(tmp_path: Path) -> None:
    path = document(tmp_path, "T1\tPER 0 30\n", "Ann sang.")
    assert "T1 covers 0 to 30, and the text has 9 characters" in read_files(path).problems.errors[0]
    read = read_files(path, policies=Policies(on_span_outside="clip"))
    assert (read.spans, read.problems.warnings) == ([("Ann sang.", "PER")], {"spans_clipped": 1})


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    path = document(tmp_path, ANNOTATION)
    path.with_suffix(".txt").unlink()
    assert "the text of these annotations, doc-7.txt, is not beside the file" in read_files(path).problems.errors[0]


def test_other_files_are_not_taken_for_it(tmp_path: Path) -> None:
    # Of another annotation tool, or columns.
    (tmp_path / "a.ann").write_text("Ann B-PER\nsang O\n\n")
    (tmp_path / "b.conll").write_text("T1\tB-PER\nT2\tO\n\n")
    for name in ("a.ann", "b.conll"):
        assert read_files(tmp_path / name).formats == {name: "conll"}
