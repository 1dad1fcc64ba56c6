"""`check` as a program uses it: one JSON object, or a list that tools and our own readers take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.__main__ import main


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entity that leaves its text, and a phrase that is left blank once."""
    path = tmp_path_factory.mktemp("corpus") / "c.jsonl"
    rows = [
        {"text": f"Ann Lee {verb} Rome {i} times.", "entities": [[0, 7, "PER"], [len(verb) + 9, len(verb) + 13, "LOC"]]}
        for i, verb in enumerate(("saw", "met", "left", "asked") * 4)
    ]
    rows.append({"text": "Ann Lee saw it again.", "entities": []})
    rows.append({"text": "In Oslo", "entities": [[3, 60, "LOC"]]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_json_is_one_object_and_nothing_else(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--train", corpus, "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, err) == (1, "")
    assert list(found) == ["num_errors", "num_warnings", "errors", "warnings", "facts", "findings"]
    assert found["num_errors"] == sum(found["errors"].values()) == 1
    assert found["num_warnings"] == sum(found["warnings"].values())
    kinds = {finding["kind"] for finding in found["findings"]}
    assert kinds == found["errors"].keys() | found["warnings"].keys()
    assert "inconsistent_phrase" in kinds
    assert set(found["facts"]["splits"]) == {"train", "dev", "test"}


def test_the_list_and_the_object_hold_the_same(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "check", "--train", corpus, "--json", "--list", tmp_path / "list")
    listed = [json.loads(line) for line in (tmp_path / "list").read_text().splitlines()]
    assert listed == json.loads(out)["findings"]


def test_a_corpus_that_cannot_be_read_is_an_object_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--train", tmp_path / "none", "--json")
    found = json.loads(out)
    assert (code, found["facts"], found["num_errors"]) == (1, None, 1)
    assert found["findings"][0]["message"] == "no such file"
    assert "no such file" in err


def test_a_list_on_stdout_moves_the_report_to_stderr(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--train", corpus, "--list", "-")
    assert code == 1
    assert all({"document", "place", "kind", "suggestion"} <= json.loads(line).keys() for line in out.splitlines())
    assert "probable slips of annotation" in err


def test_both_on_stdout_are_refused(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--train", corpus, "--json", "--list", "-")
    assert (code, out, err) == (1, "", "--json and --list - both write to stdout; name a file for --list\n")


def test_a_build_that_fails_leaves_its_list(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = run(capsys, "build", "--train", corpus, "--out", tmp_path / "shards", "--list", tmp_path / "list")
    rows = [json.loads(line) for line in (tmp_path / "list").read_text().splitlines()]
    assert code == 1
    assert [row["level"] for row in rows].count("error") == 1
    assert not (tmp_path / "shards").exists()


def test_the_list_is_no_input(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = corpus.read_bytes()
    code, _, err = run(capsys, "check", "--train", corpus, "--list", corpus)
    assert (code, err) == (1, f"--list {corpus} is an input; choose another file\n")
    assert corpus.read_bytes() == before


@pytest.mark.parametrize("to", ["doccano", "prodigy", "label-studio", "jsonl"])
def test_the_list_is_read_by_convert_for_annotation_tools(
    to: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "check", "--train", corpus, "--list", tmp_path / "list.jsonl")
    code, _, err = run(capsys, "convert", tmp_path / "list.jsonl", tmp_path / "out", "--to", to)
    assert code == 0
    assert "a finding without a sentence is left out" in err
    written = (tmp_path / "out").read_text()
    assert "Ann" in written
    assert "PER" in written


def test_a_list_of_columns_is_read_with_its_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = "".join(
        f"Ann B-PER\nLee-Fox I-PER\n{verb} O\n{i} O\n\n" for i, verb in enumerate(("saw", "met", "left") * 5)
    )
    (tmp_path / "c").write_text(good + "Ann O\nLee-Fox O\nsaw O\n")
    run(capsys, "check", "--train", tmp_path / "c", "--list", tmp_path / "list.jsonl")
    code, _, _ = run(capsys, "convert", tmp_path / "list.jsonl", tmp_path / "out", "--to", "conll")
    assert code == 0
    assert (tmp_path / "out").read_text() == "Ann B-PER\nLee-Fox I-PER\nsaw O\n\n"
