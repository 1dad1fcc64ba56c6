"""Slips of annotation in files: places, suggestions and the sentences as they would be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_sources import sources_of

from data_prep.annotation import found
from data_prep.passes.check import check
from data_prep.problems import Finding, Problems
from data_prep.settings import Settings

VERBS = ("saw", "met", "left", "asked")


def findings(tmp_path: Path, name: str, text: str, **knobs: Any) -> list[Finding]:
    """What check lists of a corpus beyond its splits."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    listed: list[Finding] = []
    check(sources_of({"train": path}), Settings(num_shards=1, **knobs), None, Problems(listed.append))
    return [finding._replace(place=finding.place.replace(f"{path}:", "")) for finding in listed if ":" in finding.place]


def record(text: str, *entities: tuple[str, str], document: str = "") -> str:
    """Each entity is the first place of its characters."""
    spans = [[text.index(part), text.index(part) + len(part), kind] for part, kind in entities]
    return json.dumps({"text": text, "entities": spans, **({"document": document} if document else {})}) + "\n"


def usual(times: int = 12) -> str:
    return "".join(
        record(f"Ann Lee {VERBS[i % 4]} Rome {i} times.", ("Ann Lee", "PER"), ("Rome", "LOC")) for i in range(times)
    )


def test_a_phrase_left_blank_in_a_text_is_to_be_added(tmp_path: Path) -> None:
    text = usual() + record("It rained. Ann Lee saw Rome too.", ("Rome", "LOC"), document="d1")
    (slip,) = findings(tmp_path, "c.jsonl", text)
    assert (slip.kind, slip.place, slip.document, slip.is_error) == ("inconsistent_phrase", "13", "d1", False)
    assert slip.message == "'Ann Lee' is no entity here, but is 'PER' 12 times in the corpus"
    assert slip.suggestion == {"action": "add", "entity": [11, 18, "PER"]}
    assert slip.record == {
        "text": "It rained. Ann Lee saw Rome too.",
        "entities": [[11, 18, "PER"], [23, 27, "LOC"]],
    }


def test_places_are_right_in_a_sentence_that_is_too_long(tmp_path: Path) -> None:
    text = usual() + record("It is a very very very very long day and then Ann Lee saw Rome too.", ("Rome", "LOC"))
    (slip,) = [found_ for found_ in findings(tmp_path, "c.jsonl", text, max_tokens=8) if found_.suggestion]
    assert slip.suggestion == {"action": "add", "entity": [46, 53, "PER"]}
    assert slip.record is not None
    assert slip.record["entities"] == [[46, 53, "PER"], [58, 62, "LOC"]]


def test_a_comma_in_an_entity_is_to_be_cut_off(tmp_path: Path) -> None:
    commas = "".join(record(f"Ann Lee, {verb} it", ("Ann Lee", "PER")) for verb in VERBS * 3)
    (slip,) = findings(tmp_path, "c.jsonl", usual() + commas + record("Ann Lee, too", ("Ann Lee,", "PER")))
    assert (slip.kind, slip.place) == ("punctuation_in_entity", "25")
    assert slip.suggestion == {"action": "replace", "entity": [0, 8, "PER"], "by": [0, 7, "PER"]}


def test_in_columns_the_line_of_the_token_is_named_and_tags_are_suggested(tmp_path: Path) -> None:
    good = "".join(f"Ann B-PER\nLee I-PER\n{VERBS[i % 4]} O\nRome B-LOC\n{i} O\n\n" for i in range(12))
    (slip,) = findings(tmp_path, "c", good + "Then O\n\nthen O\nAnn O\nLee O\nsaw O\nRome B-LOC\n")
    assert (slip.kind, slip.place) == ("inconsistent_phrase", "76")
    assert slip.suggestion == {"action": "set_tags", "first_line": 76, "tags": ["B-PER", "I-PER"]}
    assert slip.record is not None
    assert slip.record["tokens"] == ["then", "Ann", "Lee", "saw", "Rome"]


def test_lines_are_right_behind_blank_tokens_that_were_dropped(tmp_path: Path) -> None:
    good = "".join(f"Ann B-PER\nLee I-PER\n{VERBS[i % 4]} O\nRome B-LOC\n{i} O\n\n" for i in range(12))
    text = good + "\u00a0 O\nthen O\nAnn O\nLee O\nsaw O\nRome B-LOC\n"
    slips = findings(tmp_path, "c", text, on_blank_token="drop")
    assert [(slip.kind, slip.place) for slip in slips if slip.kind.startswith("incons")] == [
        ("inconsistent_phrase", "75")
    ]


def test_each_place_of_a_misspelt_type_is_listed(tmp_path: Path) -> None:
    text = usual() + record("Ann Lee ran.", ("Ann Lee", "per")) + record("Bob ran.", ("Bob", "per"))
    named = [slip for slip in findings(tmp_path, "c.jsonl", text) if slip.suggestion]
    assert [(slip.kind, slip.place) for slip in named] == [("near_types", "13"), ("near_types", "14")]
    assert named[0].suggestion == {"action": "rename_type", "from": "per", "to": "PER"}
    assert named[0].record == {"text": "Ann Lee ran.", "entities": [[0, 7, "PER"]]}


def test_copies_with_other_entities_name_each_other(tmp_path: Path) -> None:
    copies = [record("He saw Bonn again.", ("Bonn", "LOC")), record("He saw Bonn again.")]
    found_ = findings(tmp_path, "c.jsonl", usual() + copies[0] + copies[1] + copies[0])
    (slip,) = [slip for slip in found_ if slip.kind == "same_sentence_different_tags"]
    assert slip.place == "14"
    assert slip.message == f"the same sentence has other entities in 2 other places, first {tmp_path / 'c.jsonl'}:13"
    assert slip.suggestion == {"action": "add", "entity": [7, 11, "LOC"]}


def test_what_is_not_listed_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_LISTED", 1)
    path = tmp_path / "c.jsonl"
    path.write_text(usual(40) + record("Ann Lee saw Rome.", ("Rome", "LOC")) + record("Ann Lee left.") * 2)
    checked = check(sources_of({"train": path}), Settings(num_shards=1))
    number = checked.problems.warnings["inconsistent_phrase"]
    assert number > 1
    assert f"corpus: warning: {number - 1} more are less surprising and not listed" in checked.problems.warning_lines
    assert any(line.split() == ["inconsistent_phrase", str(number)] for line in checked.report)
