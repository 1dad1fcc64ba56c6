"""The launchers for Ray and Spark up to the start: what they refuse, and the command of a job; no cluster is asked."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from launch.__main__ import main
from launch.job.seats import seated_launch
from launch.job.seats.seat_hosts import arrange
from launch.job.seats.seated_request import SeatedRequest
from launch.launchers.spark.spark_job import _settings
from launch.remote_hosts.host_facts import gather


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray and Spark are, as far as the launchers can see."""
    monkeypatch.setattr(seated_launch.importlib.util, "find_spec", lambda name: name)


@pytest.fixture
def knobs(synth_shards: Path) -> list[str]:
    return ["--data.shards", str(synth_shards), "--run", "runs/x"]


def request(**values: Any) -> SeatedRequest:
    places = ["data/shards", "runs/x"]
    default = SeatedRequest(4, 2, 0, {"master": "", "conf": []}, "", 600.0, 30.0, 0.0, *places, places)
    return default._replace(**values)


def test_a_dry_run_shows_the_job_and_its_rank(capsys: pytest.CaptureFixture[str], knobs: list[str]) -> None:
    words = ["ray", "--np", "2", "--address", "head:6379", "--cpus-per-rank", "3", "--interface", "eth1", "--dry-run"]
    assert main([*words, "--", *knobs]) == 0
    command = shlex.split(capsys.readouterr().out)
    at = command.index("launch.launchers.ray.ray_job")
    found = SeatedRequest(**json.loads(command[at + 1]))
    assert (found.num_ranks, found.cpus_per_rank, found.interface) == (2, 3, "eth1")
    assert found.options == {"address": "head:6379"}
    assert (found.run, found.shards, found.grace_s) == ("runs/x", knobs[1], 30.0)
    assert command[at + 2 :] == [sys.executable, "-m", "ner_dist.train", *knobs]


def test_places_that_a_job_file_names_are_told_as_ranks_may_need_the_stores_variables(
    capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path
) -> None:
    (tmp_path / "job.yaml").write_text("train: {begin_from: 's3://bucket/runs/old'}")
    assert main(["ray", "--np", "2", "--dry-run", "--", *knobs, "--config", str(tmp_path / "job.yaml")]) == 0
    command = shlex.split(capsys.readouterr().out)
    found = SeatedRequest(**json.loads(command[command.index("launch.launchers.ray.ray_job") + 1]))
    assert sorted(found.places) == sorted(["runs/x", knobs[1], "s3://bucket/runs/old"])


def test_settings_of_spark_follow_its_master(capsys: pytest.CaptureFixture[str], knobs: list[str]) -> None:
    conf = "[spark.executor.memoryOverhead=4g, spark.yarn.queue=ner]"
    assert main(["spark", "--np", "2", "--master", "yarn", "--conf", conf, "--dry-run", "--", *knobs]) == 0
    command = shlex.split(capsys.readouterr().out)
    options = json.loads(command[command.index("launch.launchers.spark.spark_job") + 1])["options"]
    assert options == {"master": "yarn", "conf": ["spark.executor.memoryOverhead=4g", "spark.yarn.queue=ner"]}


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("ray", 2, "ray needs the number of ranks to start: --np 2"),
        ("ray --np 9", 1, "9 ranks are more than the 8 shards of"),
        ("ray --np -1", 1, "--np is -1, expected 1 rank or more"),
        ("ray --np 2 --cpus-per-rank 0", 2, "--cpus-per-rank is 0, expected 1 or more"),
        ("ray --np 2 --gpus-per-rank 2", 2, "--gpus-per-rank is 2, expected 0 or 1"),
        ("ray --np 2 --wait-seconds 0", 2, "--wait-seconds is 0, expected more than 0"),
        ("ray --np 2 --restarts -1", 1, "--restarts is -1, expected 0 or more"),
        ("ray --np 2 --master x", 2, "it is a setting of spark"),
        ("spark --np 2 --conf [a=b]", 2, "--conf has 'a=b', expected NAME=VALUE"),
        ("spark --np 2 --master sc://host", 2, "--master sc://host is Spark Connect, which has no barrier tasks"),
    ],
)
def test_what_cannot_be_is_refused_before_the_start(
    capsys: pytest.CaptureFixture[str], knobs: list[str], words: str, code: int, complaint: str
) -> None:
    assert main([*words.split(), "--", *knobs]) == code
    assert complaint in capsys.readouterr().err


def test_a_gpu_that_is_not_asked_for_is_missed(capsys: pytest.CaptureFixture[str], knobs: list[str]) -> None:
    assert main(["ray", "--np", "2", "--", *knobs, "--train.device", "gpu"]) == 2
    assert "--train.device gpu needs a GPU for each rank: --gpus-per-rank 1" in capsys.readouterr().err


def test_a_missing_library_is_named_with_its_extra(
    capsys: pytest.CaptureFixture[str], knobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seated_launch.importlib.util, "find_spec", lambda name: None if name == "pyspark" else name)
    assert main(["spark", "--np", "2", "--", *knobs]) == 1
    assert "has no pyspark; run `pip install 'ner-dist[spark]' -c constraints.txt`" in capsys.readouterr().err


def test_only_managers_that_count_executors_are_told_their_number() -> None:
    assert _settings(request(), "spark://a:7077")["spark.cores.max"] == "8"
    assert "spark.executor.instances" not in _settings(request(), "local[4]")
    assert _settings(request(), "k8s://a")["spark.executor.instances"] == "4"
    assert _settings(request(gpus_per_rank=1), "yarn")["spark.task.resource.gpu.amount"] == "1"


class StillSeat:
    """What is known of a seat, without its connections."""

    def __init__(self, name: str, address: str) -> None:
        self.facts, self.address = gather("nowhere")._replace(name=name), address


def names(*seats: tuple[str, str]) -> dict[str, int]:
    return {name: len(own) for name, own in arrange([StillSeat(*seat) for seat in seats]).items()}  # type: ignore[misc]


def test_seats_of_one_host_are_together_and_this_machine_comes_first() -> None:
    assert [*names(("b", "192.0.2.7"), ("a", "127.0.0.1"), ("b", "192.0.2.7")).items()] == [("a", 1), ("b", 2)]


def test_hosts_of_the_same_name_are_told_apart_by_their_addresses() -> None:
    assert names(("b", "192.0.2.7"), ("b", "192.0.2.8"), ("c", "192.0.2.9")) == {
        "192.0.2.7": 1,
        "192.0.2.8": 1,
        "c": 1,
    }
