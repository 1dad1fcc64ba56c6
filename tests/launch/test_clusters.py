"""Training inside a real Ray and a real Spark, which this file starts on this machine (make test-clusters)."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import clusters
import pytest
from processes import Finished, Job, alone, run

pytestmark = pytest.mark.clusters

KINDS = ("ray", "spark")
# A cluster takes half a minute to start a job, and more on a machine that is busy.
TIMEOUT_S = 400


@pytest.fixture(scope="module")
def ray_head() -> Iterator[clusters.RayHead]:
    with clusters.ray_head() as head:
        yield head


@pytest.fixture(scope="module")
def spark_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with clusters.spark_master(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture(params=KINDS)
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How a job of two ranks is started in each kind of cluster."""
    if request.param == "ray":
        monkeypatch.setenv("RAY_AUTH_MODE", clusters.RAY_VARIABLES["RAY_AUTH_MODE"])
        return ["ray", "--address", request.getfixturevalue("ray_head").address, "--np", "2"]
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    return ["spark", "--master", request.getfixturevalue("spark_master"), "--np", "2"]


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    # Long enough for a rank to be killed under way.
    long = ["--train.epochs", "8", "--train.batch_sentences", "8", "--train.log_steps", "1"]
    steps = ["--train.checkpoint_steps", "5", *long]
    return [*tiny_knobs, "--data.shards", str(synth_shards), "--train.device", "cpu", *steps]


@pytest.fixture(scope="module")
def local_run(knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training by ranks of this machine."""
    out = tmp_path_factory.mktemp("local") / "run"
    finished = run(alone("launch", "local", "--np", "2", "--", *knobs, "--run", out), out.parent, OMP_NUM_THREADS="1")
    assert finished.code == 0, finished.err
    return out


def steps(run: Path) -> list[tuple[int, float]]:
    path = run / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(line["steps"], line["loss"]) for line in lines if line["kind"] == "steps"]


def scores(run: Path) -> object:
    return json.loads((run / "result.json").read_text())["test"]["entity"]


def said(finished: Finished) -> list[str]:
    return [line for line in finished.err.splitlines() if line.startswith("launch: ") and "waiting" not in line]


def test_losses_and_counts_are_those_of_ranks_of_one_machine(
    start: list[str], knobs: list[str], local_run: Path, tmp_path: Path
) -> None:
    own = tmp_path / "run"
    finished = run(alone("launch", *start, "--", *knobs, "--run", own), tmp_path, TIMEOUT_S, OMP_NUM_THREADS="1")
    assert (finished.code, finished.left, pids_of_ranks(own, 0)) == (0, [], []), finished.err
    assert steps(own) == steps(local_run) != []
    assert scores(own) == scores(local_run)


def test_a_ray_is_entered_by_its_client_server_too(
    ray_head: clusters.RayHead, knobs: list[str], local_run: Path, tmp_path: Path
) -> None:
    own, variables = tmp_path / "run", {**clusters.RAY_VARIABLES, "OMP_NUM_THREADS": "1"}
    words = ["ray", "--address", ray_head.client_address, "--np", "2", "--", *knobs, "--run", own]
    finished = run(alone("launch", *words), tmp_path, TIMEOUT_S, **variables)
    assert (finished.code, finished.left) == (0, []), finished.err
    assert steps(own) == steps(local_run)


def test_a_killed_rank_is_restarted_from_the_checkpoint(
    start: list[str], knobs: list[str], local_run: Path, tmp_path: Path
) -> None:
    own = tmp_path / "run"
    command = alone("launch", *start, "--restarts", "1", "--", *knobs, "--run", own)
    with Job(command, tmp_path, TIMEOUT_S, OMP_NUM_THREADS="1") as job:
        job.wait_until(lambda: (own / "checkpoints" / "last" / "state.json").exists())
        pid = int(next(iter(pids_of_ranks(own, 1))))
        os.kill(pid, signal.SIGKILL)
        finished = job.wait()
    assert (finished.code, finished.left) == (0, []), finished.err
    assert "failed first, with code 137: killed by signal 9" in said(finished)[0]
    assert said(finished)[1] == "launch: restarting from the last checkpoint, 1 of 1"
    assert scores(own) == scores(local_run)


def test_a_signal_lets_the_ranks_save(start: list[str], knobs: list[str], tmp_path: Path) -> None:
    own = tmp_path / "run"
    command = alone("launch", *start, "--", *knobs, "--train.epochs", "100000", "--run", own)
    with Job(command, tmp_path, TIMEOUT_S, OMP_NUM_THREADS="1") as job:
        job.wait_until(lambda: len(steps(own)) > 0)
        # Not by way of the job's time limit, which would allow five seconds.
        launcher = next(process for process in job.processes() if process.cmdline()[1:3] == ["-m", "launch"])
        launcher.send_signal(signal.SIGTERM)
        finished = job.wait()
    assert (finished.code, finished.left, pids_of_ranks(own, 0)) == (143, [], [])
    assert "SIGTERM has ended the run after" in said(finished)[-1]
    assert "all of them saved" in said(finished)[-1]
    assert not (own / "run.lock").exists()


def test_more_than_the_cluster_has_is_refused_in_time(start: list[str], knobs: list[str], tmp_path: Path) -> None:
    words = ["--cpus-per-rank", "9", "--wait-seconds", "15", "--", *knobs, "--run", tmp_path / "runs" / "x"]
    finished = run(alone("launch", *start, *words), tmp_path, TIMEOUT_S)
    assert (finished.code, finished.left) == (1, [])
    assert "launch: the job ended with code 1: " in finished.err
    assert not (tmp_path / "runs").exists()


def test_a_cluster_that_does_not_answer_is_waited_for_no_longer_than_allowed(knobs: list[str], tmp_path: Path) -> None:
    # Ray itself tries for minutes.
    words = ["ray", "--address", "127.0.0.1:9", "--np", "2", "--wait-seconds", "15", "--", *knobs]
    finished = run(alone("launch", *words, "--run", tmp_path / "runs" / "x"), tmp_path, TIMEOUT_S)
    assert (finished.code, finished.left) == (1, [])
    assert "within 15 s the cluster has not answered; check that it is there" in finished.err
    assert not (tmp_path / "runs").exists()


def pids_of_ranks(run: Path, rank: int) -> list[str]:
    """Of the processes that are this rank of the run; its starter and its seat are not."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode().split("\0")
            variables = (path / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if str(run) in words and words[1:3] == ["-m", "ner_dist.train"] and f"HOROVOD_RANK={rank}" in variables:
            found.append(path.name)
    return found
