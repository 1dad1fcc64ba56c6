"""The record of a simulation: its table, its mean, and its picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import suggesting
from bench.label_rounds import Round
from bench.suggesting import SeedResult, SimulationOptions

FULL = Round(100, 1000, 0.8)


def test_a_record_has_the_tokens_of_both_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.conll").write_text("x")
    options = SimulationOptions(Path("corpus.conll"), results=tmp_path / "job")
    ends = ((200, 0.76), (400, 0.76), (400, 0.5))
    some, many, never = ([Round(1, 10, 0.1), Round(2, tokens, f1)] for tokens, f1 in ends)
    results = [SeedResult(1, FULL, some, many), SeedResult(2, FULL, some, never)]
    suggesting._report(options, "command", results, 1.0)
    (stored,) = json.loads((tmp_path / "job" / "results.json").read_text())
    assert stored["share_of_random"] == stored["seeds"][0]["share_of_random"] == 0.5
    assert [row["tokens"] for row in stored["seeds"]] == [
        {"suggested": 200, "random": 400},
        {"suggested": 200, "random": None},
    ]
    text = (tmp_path / "job" / "RESULTS.md").read_text()
    assert "| 1 | 80.00 | 1,000 | 200 | 400 | **50%** |" in text
    assert "| 2 | 80.00 | 1,000 | 200 | never |  |" in text
    assert (tmp_path / "runs" / "suggesting" / "corpus.svg").stat().st_size > 1000
