"""The tools' own documented layouts, field by field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings

RECORD = {"id": "r", "document": "d", "text": "😀 Ann Lee.", "entities": [[2, 9, "PER"]]}


def written(tmp_path: Path, name: str, *records: dict[str, object]) -> str:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    convert(tmp_path / "in.jsonl", Target(str(tmp_path / "out"), name), Settings(), None, Problems())
    return (tmp_path / "out").read_text()


def test_doccano(tmp_path: Path) -> None:
    expected = {"id": "r", "document": "d", "text": RECORD["text"], "label": [[2, 9, "PER"]]}
    assert json.loads(written(tmp_path, "doccano", RECORD)) == expected


def test_label_studio_counts_characters_and_is_one_array(tmp_path: Path) -> None:
    result = {
        "id": "e1",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 2, "end": 9, "text": "Ann Lee", "labels": ["PER"]},
    }
    task = {"data": {"id": "r", "document": "d", "text": RECORD["text"]}, "annotations": [{"result": [result]}]}
    other = {"data": {"text": "b"}, "annotations": [{"result": []}]}
    content = written(tmp_path, "label-studio", RECORD, {"text": "b", "entities": []})
    assert json.loads(content) == [task, other]
    # One line a task, so that it can be looked at.
    assert len(content.splitlines()) == 4


def test_prodigy_has_tokens_and_spans_that_refer_to_them(tmp_path: Path) -> None:
    tokens = [("😀", 0, True), ("Ann", 2, True), ("Lee", 6, False), (".", 9, False)]
    assert json.loads(written(tmp_path, "prodigy", RECORD)) == {
        "id": "r",
        "text": RECORD["text"],
        "tokens": [
            {"text": text, "start": start, "end": start + len(text), "id": number, "ws": space}
            for number, (text, start, space) in enumerate(tokens)
        ],
        "spans": [{"start": 2, "end": 9, "token_start": 1, "token_end": 2, "label": "PER"}],
        "meta": {"document": "d"},
        "_is_binary": False,
        "_view_id": "ner_manual",
        "answer": "accept",
    }


@pytest.mark.parametrize("name", ["doccano", "label-studio", "prodigy"])
def test_a_sentence_of_tokens_is_a_text(tmp_path: Path, name: str) -> None:
    content = written(tmp_path, name, {"tokens": ["New York", "'s", "x"], "tags": ["B-LOC", "O", "B-PER"]})
    value = json.loads(content)
    data = value[0]["data"] if name == "label-studio" else value
    assert data == {**data, "text": "New York 's x"}
    spans = {
        "doccano": lambda: [tuple(span) for span in value["label"]],
        "prodigy": lambda: [(span["start"], span["end"], span["label"]) for span in value["spans"]],
        "label-studio": lambda: [
            (region["value"]["start"], region["value"]["end"], *region["value"]["labels"])
            for region in value[0]["annotations"][0]["result"]
        ],
    }
    assert spans[name]() == [(0, 8, "LOC"), (12, 13, "PER")]
