"""A cluster of Dask that is started here, and one of the user's; make test-engines."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import engine_tasks
import pytest
import store_folder
from processes import ROOT, alone, run

from data_prep.synthesis.synth import synthesise
from ner_dist.engines.choose_engine import EngineChoice, open_executor
from ner_dist.engines.executor import EngineError

pytestmark = pytest.mark.engines


def test_the_dashboard_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with open_executor(EngineChoice("dask", 1), tmp_path):
        pass
    assert capfd.readouterr().err.startswith("Dask's dashboard: http://127.0.0.1:")


@contextmanager
def started(*arguments: object, before: tuple[object, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """before: a command that starts the other."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [*map(str, before), sys.executable, "-m", f"distributed.cli.dask_{arguments[0]}"]
    command += map(str, arguments[1:])
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_workers_of_the_users_scheduler_do_the_work_and_a_lost_scheduler_is_gone_on_from(tmp_path: Path) -> None:
    port, work, mark = free_port(), tmp_path / "work", tmp_path / "mark"
    work.mkdir()
    choice = EngineChoice(f"dask://127.0.0.1:{port}")
    with ExitStack() as stack:
        scheduler = stack.enter_context(
            started("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", "127.0.0.1:0")
        )
        stack.enter_context(started("worker", f"tcp://127.0.0.1:{port}", "--nthreads", 1, "--no-dashboard"))
        with open_executor(choice, work) as executor:
            assert executor.num_workers == 1
            assert executor.run("noting", engine_tasks.note, [(str(mark), 1)]) == [1]
            scheduler.kill()
            with pytest.raises(EngineError, match=r"scheduler .* is lost; once it is there again, the same command"):
                executor.run("waiting", engine_tasks.wait_long, [str(tmp_path / "pid")])
    with open_executor(EngineChoice("processes", 2), work) as executor:
        assert executor.run("noting", engine_tasks.note, [(str(mark), 1)]) == [1]
    assert mark.read_text() == "1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a folder from a process")
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("set", r"s3://texts/made/train\.conll: no such file"),
        (
            "s3://texts/made/set",
            r"a worker does not see .*; input and output, and NER_CACHE if one of them",
        ),
    ],
)
def test_a_worker_without_the_folder_of_the_copies_says_so(
    out: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_folder.use(tmp_path, monkeypatch)
    synthesise(200, 1, tmp_path / "store" / "s3" / "texts" / "made")
    (tmp_path / "cache").mkdir()
    port, other_disk = free_port(), 'mount -t tmpfs none "$0" && exec "$@"'
    elsewhere = ("unshare", "--mount", "sh", "-c", other_disk, tmp_path / "cache")
    with (
        started("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", "127.0.0.1:0"),
        started("worker", f"tcp://127.0.0.1:{port}", "--nthreads", 1, "--no-dashboard", before=elsewhere),
    ):
        words = [
            "build",
            "--train",
            "s3://texts/made/train.conll",
            "--out",
            out,
            "--engine",
            f"dask://127.0.0.1:{port}",
        ]
        finished = run(alone("data_prep", *words), tmp_path)
    assert finished.code == 1
    assert re.search(message, finished.errors[-1])
    assert not (tmp_path / "set").exists()


def test_a_scheduler_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ner_dist.engines.dask_cluster._CONNECT_S", 2)
    port = free_port()
    with (
        pytest.raises(EngineError, match=f"no scheduler of Dask answers at tcp://127.0.0.1:{port}"),
        open_executor(EngineChoice(f"dask://127.0.0.1:{port}"), tmp_path),
    ):
        pass
