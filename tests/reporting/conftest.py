"""Two runs that differ by the seed, and an export, for all tests of reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from reported import Runs, two_runs

from ner_dist.exporting import write_export


@pytest.fixture(scope="session")
def runs(synth_corpus: dict[str, Path], tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return two_runs(synth_corpus, tiny_knobs, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def exported(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the first run."""
    out = tmp_path_factory.mktemp("export") / "one-onnx"
    write_export.export(runs.one, "best", out, compared=False)
    return out
