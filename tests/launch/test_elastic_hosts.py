"""An elastic job over ssh: a host is lost in mid-epoch, the others go on at once, and it joins them when it is back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import namespace_hosts
import psutil
import pytest
from processes import ROOT, Job

from ner_dist.run import checkpoint

pytestmark = pytest.mark.hosts


def lines(run: Path) -> list[dict[str, object]]:
    path = run / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def num_steps(run: Path) -> int:
    return sum(line["kind"] == "steps" for line in lines(run))


def beginnings(log: Path) -> list[str]:
    """How many ranks there were each time that a process became the rank of this log."""
    text = log.read_text() if log.exists() else ""
    return [line.split(":")[-2].split()[-1] for line in text.splitlines() if ": process " in line]


def launcher(job: Job) -> psutil.Process:
    """The process of `python -m launch`, to which nsenter passes no signals."""
    return next(p for p in job.processes() if p.cmdline()[:3] == [sys.executable, "-m", "launch"])


@pytest.mark.parametrize("lost_rank", [0, 1])
def test_a_job_outlasts_a_lost_host_and_takes_it_in_again(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, lost_rank: int
) -> None:
    run, listed = tmp_path / "run", tmp_path / "list"
    # Ranks are given in this order. The launcher is on node1.
    names = ["node1", "node2"] if lost_rank else ["node2", "node1"]
    listed.write_text("".join(f"{name} slots=1\n" for name in names))
    knobs = [*tiny_knobs, "--data.shards", str(synth_shards), "--run", str(run), "--train.device", "cpu"]
    knobs += ["--train.epochs", "100000", "--train.log_steps", "1", "--train.batch_sentences", "8"]
    words = ["ssh", "--hosts", str(listed), "--elastic", "--min-np", "1", "--max-np", "2", "--", *knobs]
    with namespace_hosts.started(tmp_path / "hosts") as hosts:
        command = hosts.command("node1", [sys.executable, "-m", "launch", *words], ROOT)
        with Job(command, ROOT) as job:
            job.wait_until(lambda: num_steps(run) >= 5)
            hosts.stop("node2")
            job.wait_until(lambda: beginnings(run / "rank-0.log") == ["2", "1"])
            at = num_steps(run)
            job.wait_until(lambda: num_steps(run) > at + 5)
            hosts.start("node2")
            job.wait_until(lambda: beginnings(run / "rank-0.log") == ["2", "1", "2"])
            at = num_steps(run)
            job.wait_until(lambda: num_steps(run) > at + 5)
            launcher(job).terminate()
            finished = job.wait()
        assert [hosts.processes(name) for name in hosts.names] == [[], []]
    assert finished.code == 143
    assert finished.left == []
    said = [line for line in finished.err.splitlines() if line.startswith("launch: ")]
    assert said.pop(0).startswith(f"launch: rank {lost_rank} on node2 has ended")
    # While it is away, it is tried again and again.
    said = [line for line in said if not line.startswith("launch: a rank that was starting on node2 has ended")]
    assert said[:2] == ["launch: going on with 1 rank instead of 2", "launch: going on with 2 ranks instead of 1"]
    # Nothing was lost and nothing done twice, and all of it is saved.
    steps = [line["steps"] for line in lines(run) if line["kind"] == "steps"]
    assert steps == list(range(1, len(steps) + 1))
    assert checkpoint.load(run / "checkpoints" / "last").progress.total_steps == len(steps)
