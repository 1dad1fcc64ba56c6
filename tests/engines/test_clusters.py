"""Stages on clusters of Dask and of Ray that are started here; make test-engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import engine_tasks
import pytest

from data_prep.problems import CorpusError
from ner_dist.engines.call import WorkerError
from ner_dist.engines.choose_engine import EngineChoice, open_executor
from ner_dist.engines.executor import EngineError, Executor

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module", params=["dask", "ray"])
def executor(shared: Path, request: pytest.FixtureRequest) -> Iterator[Executor]:
    work = shared / request.param
    work.mkdir()
    with open_executor(EngineChoice(request.param, 2), work) as executor:
        yield executor


def test_results_come_in_the_order_of_tasks(executor: Executor) -> None:
    assert executor.num_workers == 2
    assert executor.run("late", engine_tasks.late_first, [0, 1, 2, 3]) == [0, 1, 2, 3]


def test_a_killed_worker_is_replaced_and_its_task_begins_anew(executor: Executor, tmp_path: Path) -> None:
    assert executor.run("dying", engine_tasks.die_first, [(str(tmp_path), n) for n in range(3)]) == [0, 1, 2]


def test_errors_are_those_of_the_first_task(executor: Executor) -> None:
    with pytest.raises(CorpusError, match="line 1 is wrong"):
        executor.run("refusing", engine_tasks.refuse, range(6))
    with pytest.raises(WorkerError, match=r"(?s)stage dividing, task 1.*ZeroDivisionError"):
        executor.run("dividing", engine_tasks.divide, [1, 0])


def test_a_task_that_kills_each_of_its_workers_is_an_error(executor: Executor) -> None:
    with pytest.raises(EngineError, match=r"workers died.*The same command goes on"):
        executor.run("deadly", engine_tasks.die, [7])
    assert executor.run("afterwards", engine_tasks.double, [1]) == [2]


def test_progress_of_all_workers_adds_up(executor: Executor) -> None:
    told: list[int] = []
    executor.run("slow", engine_tasks.go_on_slowly, [1, 2], told.append)
    assert sum(told) == 24
    assert len(told) > 2
