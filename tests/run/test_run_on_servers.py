"""Runs on servers of S3, Google Cloud Storage and Azure: killed anywhere, and gone on with elsewhere."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Job, alone, launched, run
from store_servers import BUCKET, SCHEMES, Server, running

from ner_dist.run import checkpoint
from ner_dist.stores.addresses import Address, parse_address
from ner_dist.stores.mirror import mirror
from ner_dist.stores.objects import list_objects, size
from ner_dist.stores.published import published

pytestmark = pytest.mark.stores
# What depends on the clock.
TIMES = ("tokens_per_second", "scoring_seconds", "sha256")
EPOCHS = 6


@pytest.fixture(autouse=True)
def _patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("NER_STORE_RETRIES", "1")
    monkeypatch.setenv("NER_STORE_TIMEOUT", "5")


def serving(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with running(scheme, tmp_path / "servers") as server:
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(params=SCHEMES)
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    yield from serving(request.param, tmp_path, monkeypatch)


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Its objects are on the disk."""
    yield from serving("gs", tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    own = {
        "data.shards": synth_shards,
        "train.device": "cpu",
        "train.epochs": EPOCHS,
        "train.batch_sentences": 100,
        "train.log_steps": 2,
        "train.checkpoint_steps": 3,
    }
    return [*tiny_knobs, *(word for name, value in own.items() for word in (f"--{name}", str(value)))]


@pytest.fixture(scope="module")
def whole(knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in a directory, never interrupted."""
    path = tmp_path_factory.mktemp("whole") / "run"
    finished = run(command(knobs, path), path.parent)
    assert finished.code == 0, finished.err
    return path


def address(server: Server) -> Address:
    return parse_address(f"{server.scheme}://{BUCKET}/runs/mine")


def command(knobs: list[str], where: object, *more: str) -> list[str]:
    return alone("ner_dist.train", *knobs, "--run", where, *more)


def metrics(path: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (path / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def arrays(path: Path, name: str) -> dict[str, bytes]:
    return {key: array.tobytes() for key, array in checkpoint.load(path / "checkpoints" / name).arrays.items()}


def assert_equal(where: Address, whole: Path) -> None:
    """What is published is the uninterrupted run."""
    found = mirror(where, ["*"])
    for name in ("last", "best"):
        assert arrays(found, name) == arrays(whole, name)
    assert metrics(found) == metrics(whole)


def go_on(knobs: list[str], where: Address, tmp_path: Path, machine: str) -> None:
    finished = run(command(knobs, where, "--train.resume", "true"), tmp_path, NER_CACHE=str(tmp_path / machine))
    assert finished.code == 0, finished.err


def test_killed_after_a_checkpoint_and_gone_on_with_on_another_machine(
    server: Server, knobs: list[str], whole: Path, tmp_path: Path
) -> None:
    where = address(server)
    with Job(command(knobs, where), tmp_path, NER_CACHE=str(tmp_path / "one")) as job:
        job.wait_until(lambda: published_checkpoint(where))
        for process in job.processes():
            process.kill()
    go_on(knobs, where, tmp_path, "two")
    assert_equal(where, whole)
    names = [name for name, _ in list_objects(where)]
    assert "run.lock" not in names
    # Nothing but the last two publications, and what they share; on a busy machine, a deletion may have failed.
    assert sum(name.endswith("/published.json") for name in names) <= 3, names


def published_checkpoint(where: Address) -> bool:
    found = published(where) if size(where / "published.json") is not None else None
    return found is not None and "checkpoints/last/state.json" in found.files


def test_killed_at_many_moments_it_goes_on_from_whole_checkpoints(
    google: Server, knobs: list[str], whole: Path, tmp_path: Path
) -> None:
    where = address(google)
    for number in range(4):
        with Job(
            command(knobs, where, "--train.resume", "true"), tmp_path, NER_CACHE=str(tmp_path / f"m{number}")
        ) as job:
            job.wait_until(lambda: size(where / "run.lock") is not None)
            time.sleep(2.5 + 0.7 * number)
            for process in job.processes():
                process.kill()
    go_on(knobs, where, tmp_path, "last")
    assert_equal(where, whole)


def test_a_store_that_hangs_for_a_while_costs_no_step(
    google: Server, knobs: list[str], whole: Path, tmp_path: Path
) -> None:
    where = address(google)
    with Job(command(knobs, where), tmp_path, NER_STORE_TIMEOUT="1", NER_STORE_RETRIES="0") as job:
        job.wait_until(lambda: published_checkpoint(where))
        google.stop()
        time.sleep(3)
        google.go_on()
        finished = job.wait()
    if finished.code:
        # The end fell into it.
        assert "the run is complete on this machine alone" in finished.err
        go_on(knobs, where, tmp_path, "here")
    assert_equal(where, whole)


def test_ctrl_c_publishes_what_is_saved(google: Server, knobs: list[str], whole: Path, tmp_path: Path) -> None:
    where = address(google)
    with Job(command(knobs, where), tmp_path, NER_CACHE=str(tmp_path / "one")) as job:
        job.wait_until(lambda: published_checkpoint(where))
        job.signal(signal.SIGINT)
        finished = job.wait()
    if finished.code:
        assert finished.code == 130
        assert f"all of them saved; continue with the same command and --run {where} --train.resume" in finished.err
    go_on(knobs, where, tmp_path, "two")
    assert_equal(where, whole)


def test_two_ranks_write_one_run(google: Server, knobs: list[str], tmp_path: Path) -> None:
    where = address(google)
    finished = run(launched(2, "ner_dist.train", *knobs, "--run", where), tmp_path)
    assert finished.code == 0, finished.err
    found = published(where)
    assert found is not None
    assert {"rank-0.log", "rank-1.log", "result.json", "checkpoints/best/arrays.npz"} <= found.files.keys()


def test_a_bucket_that_is_not_there_is_one_sentence_before_training(
    server: Server, knobs: list[str], tmp_path: Path
) -> None:
    where = f"{server.scheme}://absent-bucket/runs/mine"
    finished = run(command(knobs, where), tmp_path)
    assert finished.code == 1
    assert len(finished.errors) == 1
    assert finished.errors[0].startswith(f"error: {where}/")
    assert re.search("there is no (such )?bucket", finished.errors[0])
    assert "epoch" not in finished.out


def test_a_store_that_is_not_there_is_one_sentence_before_training(knobs: list[str], tmp_path: Path) -> None:
    finished = run(command(knobs, "s3://bucket/run"), tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert finished.code == 1
    assert len(finished.errors) == 1
    assert finished.errors[0].startswith("error: s3://bucket/run/")
