"""Stages on processes of this machine: order, kills, errors, what is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import engine_tasks
import pytest
from processes import ROOT

from data_prep.problems import CorpusError
from ner_dist.engines.call import WorkerError
from ner_dist.engines.executor import EngineError, Executor
from ner_dist.engines.processes import Processes, processes
from ner_dist.engines.stage_executor import StageExecutor


@pytest.fixture(scope="module")
def pool() -> Iterator[Processes]:
    with processes(2) as pool:
        yield pool


@pytest.fixture
def executor(pool: Processes, tmp_path: Path) -> Executor:
    return StageExecutor(pool, tmp_path)


def test_results_come_in_the_order_of_tasks_not_of_their_ends(executor: Executor) -> None:
    assert executor.run("late", engine_tasks.late_first, [0, 1, 2, 3]) == [0, 1, 2, 3]


def test_a_killed_worker_is_replaced_and_its_task_begins_anew(executor: Executor, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    tasks = [(str(tmp_path / "marks"), number) for number in range(3)]
    assert executor.run("dying", engine_tasks.die_first, tasks) == [0, 1, 2]
    assert executor.run("afterwards", engine_tasks.double, [1, 2]) == [2, 4]


def test_a_task_that_kills_each_of_its_workers_is_named(executor: Executor) -> None:
    with pytest.raises(EngineError, match=r"stage deadly: 3 workers died one after another at task 0.*SIGKILL"):
        executor.run("deadly", engine_tasks.die, [7])


def test_of_several_errors_the_first_tasks_is_raised(executor: Executor) -> None:
    with pytest.raises(CorpusError, match="line 1 is wrong"):
        executor.run("refusing", engine_tasks.refuse, range(6))


def test_an_error_of_the_program_has_the_workers_traceback(executor: Executor) -> None:
    with pytest.raises(WorkerError, match=r"(?s)stage dividing, task 1.*return 1 // task.*ZeroDivisionError"):
        executor.run("dividing", engine_tasks.divide, [1, 0])


def test_a_file_that_a_worker_does_not_find_is_named(executor: Executor) -> None:
    with pytest.raises(EngineError, match=r"a worker does not find /nowhere/corpus; .* lie on disks that all workers"):
        executor.run("reading", engine_tasks.read, ["/nowhere/corpus"])


def test_what_cannot_be_pickled_is_an_error_and_kills_nobody(executor: Executor) -> None:
    with pytest.raises(WorkerError, match="OddError: an error"):
        executor.run("odd", engine_tasks.fail_oddly, [0])
    with pytest.raises(Exception, match="return_a_function"):
        executor.run("function", engine_tasks.return_a_function, [0])


def test_what_a_task_prints_does_not_get_between_the_results(executor: Executor) -> None:
    assert executor.run("speaking", engine_tasks.speak, [1, 2]) == [1, 2]


def test_finished_tasks_are_not_run_again(executor: Executor, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert executor.run("noting", engine_tasks.note, [(str(notes), 1), (str(notes), 2)]) == [1, 2]
    assert executor.run("noting", engine_tasks.note, [(str(notes), 1), (str(notes), 3)]) == [1, 3]
    assert sorted(notes.read_text()) == sorted("1\n2\n3\n")


def test_a_damaged_record_of_a_task_is_not_believed(executor: Executor, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    executor.run("noting", engine_tasks.note, [(str(notes), 1)])
    record = tmp_path / "finished" / "noting" / "0"
    record.write_bytes(record.read_bytes()[:-1])
    assert executor.run("noting", engine_tasks.note, [(str(notes), 1)]) == [1]
    assert notes.read_text() == "1\n1\n"


def test_progress_of_all_tasks_adds_up_also_of_finished_ones(executor: Executor) -> None:
    for _ in range(2):
        told: list[int] = []
        executor.run("doubling", engine_tasks.double, [3, 4, 5], told.append)
        assert sum(told) == 12


def test_progress_is_told_while_tasks_run(executor: Executor) -> None:
    told: list[int] = []
    executor.run("slow", engine_tasks.go_on_slowly, [1, 2], told.append)
    assert sum(told) == 24
    assert len(told) > 2


def test_more_memory_than_allowed_is_an_error(tmp_path: Path) -> None:
    with processes(1, 400 << 20) as pool:
        executor = StageExecutor(pool, tmp_path)
        assert executor.run("small", engine_tasks.fill, [10]) == [1]
        with pytest.raises(EngineError, match=r"stage large: the memory of a worker does not suffice.*--worker-memory"):
            executor.run("large", engine_tasks.fill, [1000])


def test_a_worker_does_not_see_modules_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('a file of a stranger')")
    monkeypatch.chdir(tmp_path)
    with processes(1) as pool:
        assert StageExecutor(pool, tmp_path).run("here", engine_tasks.double, [1]) == [2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_build(number: signal.Signals, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import sys, engine_tasks; from pathlib import Path; from ner_dist.engines.choose_engine import *\n"
        f"with open_executor(EngineChoice('processes', 2), Path({str(tmp_path)!r})) as executor:\n"
        f"    executor.run('waiting', engine_tasks.wait_long, [{str(mark)!r}])\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: mark.exists() and mark.read_text() != "")
    worker = int(mark.read_text())
    child.send_signal(number)
    assert child.wait(20) != 0
    _wait_for(lambda: not Path(f"/proc/{worker}").exists())


def _wait_for(is_true: object) -> None:
    until = time.monotonic() + 20
    while not is_true():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.05)


def test_relative_paths_are_those_of_the_build(
    executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpus").write_text("a O")
    # The workers were started elsewhere.
    monkeypatch.chdir(tmp_path)
    assert executor.run("reading", engine_tasks.read, ["corpus"]) == ["a O"]
