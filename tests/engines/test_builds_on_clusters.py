"""Whole builds on clusters of Dask and of Ray that are started here; make test-engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_sources import sources_of

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist.engines.choose_engine import EngineChoice

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_set_has_the_bytes_of_one_process(engine: str, tmp_path: Path) -> None:
    corpus = sources_of(synthesise(200, 1, tmp_path / "corpus"))
    settings = Settings(num_shards=3)
    build(corpus, settings, tmp_path / "alone", Problems())
    build(corpus, settings, tmp_path / engine, Problems(), engine=EngineChoice(engine, 2))
    assert contents(tmp_path / engine) == contents(tmp_path / "alone")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
