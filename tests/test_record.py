"""bench.record: mean and sample standard deviation of finished runs, as the tables of job/RESULTS.md show them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.record import section


def _result(seed: int, f1: float) -> dict[str, Any]:
    entity = {"precision": f1, "recall": f1, "f1": f1, "per_type": {"LOC": {"f1": f1, "gold": 1234}}}
    split = {"entity": entity, "token": {"f1": f1, "bio": {"f1": f1}}}
    facts = {"num_ranks": 2, "tokens_per_second": 1000.0, "seed": seed, "epochs": 3, "best_epoch": 2}
    return {"dev": split, "test": split, **facts}


def test_mean_and_sample_deviation_are_those_of_the_runs() -> None:
    text = section("make it", [_result(1, 0.80), _result(2, 0.82), _result(3, 0.87)], ["a", "b", "c"])
    # Mean 83, squared deviations 9, 1, 16: variance 13.
    assert "| **all seeds** | 83.00 ± 3.61 | 83.00 ± 3.61 |" in text
    assert "| LOC | 83.00 ± 3.61 | 1,234 |" in text
    assert "b, seed 2, best of 3 epochs: 2 | 82.00 |" in text


def test_an_unfinished_run_is_refused_and_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "result.json").write_text(json.dumps(_result(1, 0.5)))
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "bench.record", "--command", "make it", "done", "begun"]
    finished = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert finished.stderr == "error: no result.json in begun; let the runs finish first\n"
    assert not (tmp_path / "job" / "RESULTS.md").exists()
