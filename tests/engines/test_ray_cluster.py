"""A cluster of Ray of the user's, which these tests start; make test-engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import clusters
import engine_tasks
import pytest
from corpus_sources import sources_of
from pages import free_port
from processes import ROOT

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist.engines import ray_cluster
from ner_dist.engines.choose_engine import EngineChoice, open_executor
from ner_dist.engines.executor import EngineError

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def head() -> Iterator[clusters.RayHead]:
    with clusters.ray_head(PYTHONPATH=os.pathsep.join(map(str, (ROOT, ROOT / "tests")))) as head:
        yield head


@pytest.fixture(params=["RAY_ADDRESS", "ray://"])
def choice(head: clusters.RayHead, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> EngineChoice:
    for name, value in clusters.RAY_VARIABLES.items():
        monkeypatch.setenv(name, value)
    if request.param == "ray://":
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        return EngineChoice(head.client_address)
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    return EngineChoice("ray")


def test_workers_of_the_users_cluster_do_the_work(
    choice: EngineChoice, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_executor(choice, tmp_path) as executor:
        assert executor.num_workers == 2
        assert executor.run("dying", engine_tasks.die_first, [(str(tmp_path), n) for n in range(3)]) == [0, 1, 2]
        with pytest.raises(EngineError, match=r"workers died.*The same command goes on"):
            executor.run("deadly", engine_tasks.die, [7])
    assert "has room for 2 tasks at a time" in capfd.readouterr().err


def test_a_set_has_the_bytes_of_one_process(choice: EngineChoice, tmp_path: Path) -> None:
    corpus = sources_of(synthesise(200, 1, tmp_path / "corpus"))
    build(corpus, Settings(num_shards=3), tmp_path / "alone", Problems())
    build(corpus, Settings(num_shards=3), tmp_path / "set", Problems(), engine=choice)
    one, other = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "alone", tmp_path / "set")
    )
    assert one == other


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_an_error(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_CONNECT_S", 2)
    address = f"{scheme}127.0.0.1:{free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with (
        pytest.raises(EngineError, match=f"no cluster of Ray answers at {address} .*; start one there: ray start"),
        open_executor(EngineChoice("ray"), tmp_path),
    ):
        pass
