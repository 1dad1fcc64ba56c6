"""Folders tagged on clusters of Dask and of Ray that are started here; make test-engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import ROOT

from ner_dist.predict import PredictOptions, predict
from ner_dist.ranks.comm import Solo

pytestmark = pytest.mark.engines

EXPORT = ROOT / "tests" / "version_4" / "export"


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_outputs_have_the_bytes_of_one_process(engine: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / "in" / f"{number}.txt").write_text(f"Mr. Smith lives in Paris{number}. Angela visited him.\n")
    for out, chosen, workers in (("alone", "processes", 1), (engine, engine, 2)):
        options = PredictOptions(EXPORT, tmp_path / "in", out=tmp_path / out, engine=chosen, workers=workers)
        predict(options, Solo())
    assert content(tmp_path / engine) == content(tmp_path / "alone")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
