"""Where the outcomes of the fault suite go, and its table at the end of the tests.

FAULTS_OUT names the folder of one JSON file for each schedule and of faults.json with all of them.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from corpus_sources import sources_of
from faults import report
from faults.driver import HANG_S, Training
from processes import alone, on_ranks, run

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise

_CHECKPOINT_STEPS = 4


def pytest_configure(config: pytest.Config) -> None:
    # Before any worker of pytest-xdist starts, which then inherits it.
    os.environ.setdefault("FAULTS_OUT", tempfile.mkdtemp(prefix="faults-"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    folder = Path(os.environ["FAULTS_OUT"])
    outcomes = [json.loads(path.read_text()) for path in sorted(folder.glob("schedule-*.json"))]
    if outcomes and not hasattr(config, "workerinput"):
        report.write(outcomes, folder / "faults.json")
        terminalreporter.section(f"fault suite, {folder / 'faults.json'}")
        terminalreporter.write_line("\n".join(report.lines(outcomes)))


@pytest.fixture(scope="session")
def training(tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Some seconds long, with several epochs, and what it is without any trouble."""
    folder = tmp_path_factory.mktemp("training")
    small = Settings(num_shards=4, num_buckets=3)
    build(sources_of(synthesise(80, 3, folder / "corpus")), small, folder / "shards", Problems())
    values = {
        "data.shards": folder / "shards",
        "optimizer.learning_rate": 0.02,
        "train.batch_sentences": 5,
        "train.epochs": 4,
        "train.log_steps": 1,
        "train.checkpoint_steps": _CHECKPOINT_STEPS,
        "train.hang_seconds": HANG_S,
        "train.device": "cpu",
    }
    knobs = [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]
    references = {}
    for num_ranks in (1, 2, 4):
        train = ["ner_dist.train", *knobs, "--run", folder / f"run-{num_ranks}"]
        finished = run(
            on_ranks(num_ranks, *train) if num_ranks > 1 else alone(*train), folder, timeout_s=600, OMP_NUM_THREADS="1"
        )
        assert finished.code == 0, finished.err
        references[num_ranks] = folder / f"run-{num_ranks}"
    steps = json.loads((references[1] / "result.json").read_text())["steps"]
    return Training(knobs, _CHECKPOINT_STEPS, references, steps)
