"""Findings in a file: one JSON line for each, whole or not at all, also if the corpus cannot be used."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from data_prep.commands.finding_list import both, check_is_no_input, failures_listed, finding_list, row_of
from data_prep.problems import CorpusError, Finding, Problems
from ner_dist.errors import UserError

FINDING = Finding("odd", "c:1", "what", True, 2, "d", {"action": "remove_line"}, {"text": "a", "entities": []})


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_row_holds_everything_that_is_known() -> None:
    assert row_of(FINDING) == {
        "document": "d",
        "place": "c:1",
        "kind": "odd",
        "level": "error",
        "number": 2,
        "message": "what",
        "suggestion": {"action": "remove_line"},
        "text": "a",
        "entities": [],
    }
    assert row_of(Finding("odd", "c:1", "what", False))["level"] == "warning"


def test_the_list_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    with finding_list(str(path)) as sink:
        assert sink is not None
        sink(FINDING)
        sink(FINDING._replace(message="é", suggestion={"entity": [np.int64(1), 2, "A"]}))
        assert not path.exists()
    assert [row["message"] for row in rows(path)] == ["what", "é"]


def test_half_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    with finding_list(str(path)) as sink:
        assert sink is not None
        sink(FINDING._replace(message="\ud800"))
    assert r'"\ud800"' in path.read_text()


def test_a_corpus_that_cannot_be_used_leaves_its_list(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"

    def use() -> None:
        with finding_list(str(path)) as sink:
            problems = Problems(sink)
            problems.error("c:1", "bad")
            problems.raise_errors()

    with pytest.raises(CorpusError):
        use()
    assert [row["place"] for row in rows(path)] == ["c:1"]


@pytest.mark.parametrize("error", [UserError("no"), KeyboardInterrupt()])
def test_what_else_goes_wrong_leaves_an_older_list(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text("older")
    with pytest.raises(type(error)), finding_list(str(path)):
        raise error
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_signal_to_end_leaves_nothing_unfinished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), finding_list(str(tmp_path / "list")):
        os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("message", "place", "what"),
    [
        ("c.conll:7: error: no end", "c.conll:7", "no end"),
        ("c.conll: no such file", "c.conll", "no such file"),
        ("a b", "corpus", "a b"),
    ],
)
def test_an_error_that_stops_everything_is_listed_too(message: str, place: str, what: str) -> None:
    listed: list[Finding] = []
    with pytest.raises(CorpusError), failures_listed(Problems(listed.append)):
        raise CorpusError(message)
    assert [(finding.place, finding.message, finding.kind) for finding in listed] == [(place, what, "unreadable")]


def test_errors_are_not_listed_twice() -> None:
    listed: list[Finding] = []
    problems = Problems(listed.append)
    problems.error("c:1", "bad")
    with pytest.raises(CorpusError), failures_listed(problems):
        problems.raise_errors()
    assert len(listed) == 1


def test_a_list_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a directory, expected a file"), finding_list(str(tmp_path)):
        pass
    with pytest.raises(UserError, match="could not be written"), finding_list(str(tmp_path / "none" / "list")):
        pass


def test_a_list_does_not_replace_an_input(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is an input; choose another file"):
        check_is_no_input(str(tmp_path / "x" / ".." / "c"), [tmp_path / "c"])
    check_is_no_input("-", [Path("-")])
    check_is_no_input(None, [tmp_path])


def test_a_finding_goes_to_all_sinks() -> None:
    one: list[Finding] = []
    other: list[Finding] = []
    sink = both(one.append, None, other.append)
    assert sink is not None
    sink(FINDING)
    assert one == other == [FINDING]
    assert both(None, None) is None
