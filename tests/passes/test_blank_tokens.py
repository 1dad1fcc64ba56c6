"""Blank tokens leave sentences, and what is left of their entities stays one, in any scheme and by any way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.__main__ import main
from data_prep.passes.blank_tokens import hand_over, remaining
from ner_dist.contract.tag_schemes import PREFIX_CODES

LETTERS = {code: letter for letter, code in PREFIX_CODES.items() if letter in "BILUO"}


@pytest.mark.parametrize(
    ("before", "blank", "after"),
    [
        ("BL", [0], "U"),
        ("BL", [1], "U"),
        ("BIL", [0], "BL"),
        ("BIL", [1], "BL"),
        ("BIL", [2], "BL"),
        ("BIIL", [0, 1], "BL"),
        ("BIIL", [2, 3], "BL"),
        ("BIL", [0, 2], "U"),
        ("BIL", [0, 1, 2], ""),
        ("OUO", [1], "OO"),
        # As in BIO.
        ("BIO", [0], "BO"),
        ("BOI", [1], "BI"),
    ],
)
def test_the_neighbours_of_a_blank_token_take_its_part(before: str, blank: list[int], after: str) -> None:
    prefix_M, place_P = np.array([PREFIX_CODES[letter] for letter in before]), np.array(blank)
    type_M = np.where(prefix_M == PREFIX_CODES["O"], -1, 0)
    changed = hand_over(prefix_M, type_M, np.array([len(before)]), place_P)
    left = remaining(np.array([len(before)]), place_P)
    assert "".join(LETTERS[code] for code in changed[left.kept_M].tolist()) == after
    assert left.length_N.tolist() == ([len(after)] if after else [])


def test_other_sentences_and_types_are_left_alone() -> None:
    prefix_M, type_M = np.array([PREFIX_CODES[letter] for letter in "BIBLU"]), np.array([0, 1, 0, 0, 1])
    assert hand_over(prefix_M, type_M, np.array([2, 3]), np.array([0])).tolist() == prefix_M.tolist()
    left = remaining(np.array([1, 2, 2]), np.array([0, 3]))
    assert (left.kept_M.tolist(), left.sentence_N.tolist(), left.length_N.tolist()) == ([1, 2, 4], [1, 2], [2, 1])


ROWS = [
    {"tokens": ["Ann", "\u200b", "Lee"], "tags": ["B-PER", "I-PER", "I-PER"], "id": "a"},
    {"tokens": ["\u00a0"], "tags": ["B-PER"], "id": "b"},
    {"tokens": ["", "Bo", "ran"], "tags": ["B-PER", "I-PER", "O"], "id": "c"},
]


@pytest.mark.parametrize("name", ["in.jsonl", "in.parquet"])
def test_convert_leaves_them_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    if name == "in.jsonl":
        (tmp_path / name).write_text("\n".join(map(json.dumps, ROWS)))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / name)
    paths = [str(tmp_path / name), str(tmp_path / "out.jsonl")]
    assert main(["convert", *paths]) == 1
    assert capsys.readouterr().err.count("--on-blank-token drop") == 3
    assert main(["convert", *paths, "--on-blank-token", "drop"]) == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["tokens"], row["tags"]) for row in found] == [
        ("a", ["Ann", "Lee"], ["B-PER", "I-PER"]),
        ("c", ["Bo", "ran"], ["B-PER", "O"]),
    ]


def test_blank_tokens_of_a_text_leave_its_places_as_they_are(tmp_path: Path) -> None:
    row = {"text": "Ann  Lee ran", "tokens": ["Ann", " ", "Lee", "ran"], "tags": ["B-PER", "I-PER", "I-PER", "O"]}
    (tmp_path / "in.jsonl").write_text(json.dumps({**row, "entities": [[0, 8, "PER"]]}))
    out = tmp_path / "out.jsonl"
    assert main(["convert", str(tmp_path / "in.jsonl"), str(out), "--text", "--on-blank-token", "drop"]) == 0
    found = json.loads(out.read_text())
    assert (found["text"], found["tokens"], found["entities"]) == (row["text"], ["Ann", "Lee", "ran"], [[0, 8, "PER"]])
