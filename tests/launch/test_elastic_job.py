"""A real elastic job: rank 0 is killed, another process takes over, and a new one joins it; then the job is stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import store_folder
from processes import Job, alone

from ner_dist.run import checkpoint
from ner_dist.run.run_place import RunPlace
from ner_dist.stores.mirror import mirror
from ner_dist.stores.objects import list_objects


def last_step(run: Path) -> int:
    path = run / "metrics.jsonl"
    lines = [line for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []
    return json.loads(lines[-1])["steps"] if lines else 0


def beginnings(log: Path) -> list[str]:
    """How many ranks there were each time that a process became the rank of this log."""
    text = log.read_text() if log.exists() else ""
    return [line.split(":")[-2].split()[-1] for line in text.splitlines() if ": process " in line]


def contents(run: Path) -> dict[str, bytes]:
    """What ranks go on writing while it is published left out."""
    files = (path for path in run.rglob("*") if path.is_file() and path.suffix != ".log")
    return {str(path.relative_to(run)): path.read_bytes() for path in files if not path.name.startswith("events")}


@pytest.mark.ranks
@pytest.mark.parametrize("named", ["run", pytest.param("s3://texts/runs/mine", marks=pytest.mark.faults)])
def test_a_job_goes_on_without_its_rank_0_and_grows_again(
    named: str, synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_folder.use(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    place = RunPlace(named)
    run = place.path
    knobs = [*tiny_knobs, "--data.shards", str(synth_shards), "--run", named, "--train.device", "cpu"]
    knobs += ["--train.epochs", "100000", "--train.log_steps", "1", "--train.batch_sentences", "8"]
    command = alone("launch", "local", "--elastic", "--min-np", "1", "--max-np", "2", "--", *knobs)
    with Job(command, tmp_path) as job:
        job.wait_until(lambda: last_step(run) >= 5)
        first = job.rank(0)
        first.send_signal(signal.SIGKILL)
        job.wait_until(lambda: beginnings(run / "rank-0.log") == ["2", "1", "2"])
        at = last_step(run)
        job.wait_until(lambda: last_step(run) > at + 5)
        job.signal(signal.SIGTERM)
        finished = job.wait()
    assert finished.code == 143
    assert finished.left == []
    said = [line for line in finished.err.splitlines() if line.startswith("launch: ")]
    assert said[0].startswith("launch: rank 0 on localhost has ended, with code 137: killed by signal 9")
    assert said[1:3] == ["launch: going on with 1 rank instead of 2", "launch: going on with 2 ranks instead of 1"]
    # Nothing was lost and nothing done twice, and all of it is saved.
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line["steps"] for line in lines if line["kind"] == "steps"]
    assert steps == list(range(1, len(steps) + 1))
    saved = checkpoint.load(run / "checkpoints" / "last")
    progress = saved.progress
    assert progress.total_steps == len(steps)
    assert progress.trained_tokens - progress.num_tokens == progress.epoch * saved.index.num_tokens("train")
    assert not (run / "run.lock").exists()
    if place.address is not None:
        found = mirror(place.address, ["*"])
        assert contents(found) == contents(run)
        assert [name for name, _ in list_objects(place.address) if "run.lock" in name] == []
