"""The batch script for SLURM on real hosts: horovodrun over ssh, ended early, requeued and resumed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import namespace_hosts
import psutil
import pytest
from namespace_hosts import Hosts
from processes import ROOT, Finished, Job, on_ranks, run

from launch.job.training_command import check_training
from launch.launchers.slurm.batch_script import script
from launch.launchers.slurm.slurm_options import SlurmOptions

pytestmark = pytest.mark.hosts

SCONTROL = """#!/bin/bash
[ "$1 $2" != "show hostnames" ] || printf '%s\\n' node1 node2
[ "$1" != requeue ] || echo "$2" >>"$CLUSTER/requeues"
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with namespace_hosts.started(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    values = {
        "data.shards": synth_shards,
        "optimizer.learning_rate": 0.02,
        "train.batch_sentences": 8,
        "train.epochs": 5,
        "train.log_steps": 1,
        "train.checkpoint_steps": 7,
        "train.device": "cpu",
    }
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


def steps(path: Path) -> list[dict[str, Any]]:
    if not (path / "metrics.jsonl").exists():
        return []
    lines = (path / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == "steps"]


def start(hosts: Hosts, folder: Path, restarts: int) -> Job:
    """The script on the first node of the allocation, started like SLURM does."""
    variables = {
        "CLUSTER": str(folder),
        "PATH": f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "SLURM_JOB_ID": "42",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURMD_NODENAME": "node1",
        **({"SLURM_RESTART_COUNT": str(restarts)} if restarts else {}),
    }
    return Job(hosts.command("node1", ["bash", str(folder / "job.sbatch")], **variables), folder, 120)


def shell(hosts: Hosts, folder: Path) -> psutil.Process:
    command = ["bash", str(folder / "job.sbatch")]
    return next(process for process in hosts.processes("node1") if process.cmdline() == command)


def test_a_job_that_was_queued_again_ends_as_one_that_was_not(hosts: Hosts, knobs: list[str], tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scontrol").write_text(SCONTROL)
    (tmp_path / "bin" / "scontrol").chmod(0o755)
    job, whole = tmp_path / "job", tmp_path / "whole"
    asked = SlurmOptions(ranks_per_node=2, time="10", project=str(ROOT), venv=os.path.relpath(sys.prefix, ROOT))
    (tmp_path / "job.sbatch").write_text(script(asked, check_training([*knobs, "--run", str(job)])))

    # SLURM's part, for a job that needs one and a half time limits.
    with start(hosts, tmp_path, 0) as first:
        first.wait_until(lambda: len(steps(job)) >= 30)
        shell(hosts, tmp_path).send_signal(signal.SIGUSR1)
        ended = first.wait()
    assert (ended.code, ended.left) == (0, []), ended
    assert (tmp_path / "requeues").read_text() == "42\n"
    assert not (job / "result.json").exists()
    # On the other host they end when they notice that the others have ended.
    psutil.wait_procs([p for name in hosts.names for p in hosts.processes(name)], timeout=30)
    assert [process.cmdline() for name in hosts.names for process in hosts.processes(name)] == []
    with start(hosts, tmp_path, 1) as second:
        finished = second.wait()
    assert finished.code == 0, finished
    assert (tmp_path / "requeues").read_text() == "42\n"
    assert "continuing after" in (job / "rank-3.log").read_text()
    assert "on node2" in (job / "rank-3.log").read_text()

    uninterrupted: Finished = run(on_ranks(4, "ner_dist.train", *knobs, "--run", whole), ROOT)
    assert uninterrupted.code == 0, uninterrupted
    assert [line["steps"] for line in steps(job)] == [line["steps"] for line in steps(whole)]
    losses, expected = ([line["loss"] for line in steps(path)] for path in (job, whole))
    assert losses == pytest.approx(expected, rel=1e-3)
    scores, same = (json.loads((path / "result.json").read_text())["test"] for path in (job, whole))
    assert scores["entity"] == same["entity"]
