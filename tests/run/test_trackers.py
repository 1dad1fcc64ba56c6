"""Trackers of a run: what they are told, on which run of theirs, and that none of them can stop or delay training."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, get_args

import pytest
from processes import alone, run
from thread_comm import ThreadComm
from thread_comm import on_ranks as thread_ranks

from ner_dist import config
from ner_dist.config import TrackerName
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Solo
from ner_dist.run.trackers import reporting, table
from ner_dist.run.trackers.reporting import Trackers
from ner_dist.training import loop

# Stand-ins for both packages: they write a line for every call, and fail where they are told.
STAND_IN = """
import json, os
from collections import namedtuple

def note(*call):
    with open(os.environ["TRACKED"] + "-" + __name__, "a") as file:
        file.write(json.dumps(call) + "\\n")
    if call[0] == os.environ.get("TRACKER_FAILS"):
        raise OSError("the network is gone")

class entities:
    Param, RunTag = namedtuple("Param", "key value"), namedtuple("RunTag", "key value")
    Metric = namedtuple("Metric", "key value timestamp step")

class MlflowClient:
    def get_experiment_by_name(self, name):
        note("experiment", name)
    def create_experiment(self, name):
        return "7"
    def create_run(self, experiment_id, run_name):
        note("create", experiment_id, run_name)
        return namedtuple("Run", "info")(namedtuple("Info", "run_id")("m1"))
    def update_run(self, run_id, status):
        note("continue", run_id, status)
    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        assert len([*metrics, *params, *tags]) <= 100
        points = [[m.key, m.value, m.step] for m in metrics]
        note("log", run_id, points, [list(p) for p in params], [list(t) for t in tags])
    def set_terminated(self, run_id, status):
        note("end", run_id, status)

def Settings(**settings):
    return settings

class init:
    def __init__(self, **given):
        note("init", given)
        self.summary = self
    def log(self, values, step):
        note("log", values, step)
    def update(self, values):
        note("summary", values)
    def finish(self, exit_code):
        note("end", exit_code)
"""


def stand_ins(folder: Path) -> Path:
    """A folder of both packages."""
    folder.mkdir()
    for name in table.TRACKERS:
        (folder / f"{name}.py").write_text(STAND_IN)
    return folder


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files, but for their endings, in which the stand-ins in this process tell of their calls."""
    monkeypatch.setenv("TRACKED", str(tmp_path / "tracked"))
    for variable in ("TRACKER_FAILS", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "WANDB_DIR"):
        monkeypatch.delenv(variable, raising=False)
    for name in table.TRACKERS:
        module = ModuleType(name)
        exec(STAND_IN, module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
    return tmp_path / "tracked"


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the log, which goes to rank-0.log alone, is told."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("ner_dist").addHandler(handler)
    yield messages
    logging.getLogger("ner_dist").removeHandler(handler)


def calls(path: Path, tracker: str) -> list[list[Any]]:
    return [json.loads(line) for line in Path(f"{path}-{tracker}").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    return tmp_path / "runs" / "mine"


RESULT = {"dev": {"entity": {"f1": 0.5, "confusion": {"X": {"-": 1}}}}, "seed": 3, "versions": {"mxnet": "1.9.1"}}


def test_mlflow_is_told_knobs_metrics_and_result(tracked: Path, folder: Path) -> None:
    trackers = Trackers(["mlflow"], folder)
    trackers.begin({"train.seed": 3, "run": "x" * 900})
    with trackers:
        trackers.log("steps", 10, {"loss": 0.5, "epoch": 1, "note": "text"})
        trackers.result(RESULT, 20)
    assert calls(tracked, "mlflow") == [
        ["experiment", "ner-dist"],
        ["create", "7", "mine"],
        ["log", "m1", [], [["train.seed", "3"], ["run", "x" * 500]], []],
        ["log", "m1", [["steps/loss", 0.5, 10], ["steps/epoch", 1, 10]], [], []],
        ["log", "m1", [["result/dev/entity/f1", 0.5, 20], ["result/seed", 3, 20]], [], []],
        ["log", "m1", [], [], [["result/versions/mxnet", "1.9.1"]]],
        ["end", "m1", "FINISHED"],
    ]


def test_names_that_mlflow_forbids_are_mended_and_batches_are_not_too_large(tracked: Path, folder: Path) -> None:
    trackers = Trackers(["mlflow"], folder)
    trackers.begin({})
    with trackers:
        trackers.result({"f1": {f"TYPE<{i}>": i for i in range(150)}}, 1)
    logged = [call[2] for call in calls(tracked, "mlflow") if call[0] == "log" and call[2]]
    assert [len(metrics) for metrics in logged] == [100, 50]
    assert logged[1][-1] == ["result/f1/TYPE_149_", 149, 1]


def test_wandb_is_told_knobs_metrics_and_result(tracked: Path, folder: Path) -> None:
    trackers = Trackers(["wandb"], folder)
    trackers.begin({"train.seed": 3})
    with trackers:
        trackers.log("epoch", 10, {"dev_f1": 0.5})
        trackers.result(RESULT, 20)
    (_, given), *others = calls(tracked, "wandb")
    known = {name: given[name] for name in ("project", "name", "resume", "dir", "config")}
    assert known == {
        "project": "ner-dist",
        "name": "mine",
        "resume": "allow",
        "dir": str(folder),
        "config": {"train.seed": 3},
    }
    numbers = {"result/dev/entity/f1": 0.5, "result/seed": 3}
    assert others == [
        ["log", {"epoch/dev_f1": 0.5}, 10],
        ["summary", {**numbers, "result/versions/mxnet": "1.9.1"}],
        ["end", 0],
    ]


def test_a_continued_run_goes_on_at_its_trackers(tracked: Path, folder: Path) -> None:
    for _ in range(2):
        trackers = Trackers(["wandb", "mlflow", "wandb"], folder)
        trackers.begin({"train.epochs": 1})
        with trackers:
            pass
    first, second = (call[1] for call in calls(tracked, "wandb") if call[0] == "init")
    assert first["id"] == second["id"] == json.loads((folder / "trackers.json").read_text())["wandb"]
    # Knobs cannot be changed at MLflow, so they are told once.
    assert [call[0] for call in calls(tracked, "mlflow")] == ["experiment", "create", "log", "end", "continue", "end"]
    assert calls(tracked, "mlflow")[4] == ["continue", "m1", "RUNNING"]


def test_a_run_that_failed_is_told_so(tracked: Path, folder: Path) -> None:
    trackers = Trackers(["wandb", "mlflow"], folder)
    trackers.begin({})
    with pytest.raises(UserError), trackers:
        raise UserError("died")
    assert calls(tracked, "mlflow")[-1] == ["end", "m1", "FAILED"]
    assert calls(tracked, "wandb")[-1] == ["end", 1]


def test_without_names_nothing_happens(folder: Path) -> None:
    with Trackers([], folder) as trackers:
        trackers.log("steps", 1, {"loss": 1.0})
        trackers.result(RESULT, 1)
    assert list(folder.iterdir()) == []


def test_an_absent_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        UserError, match=r"^--train\.track wandb needs the package wandb, .*'ner-dist\[track\]', or leave"
    ):
        table.require_packages(["wandb"])
    table.require_packages([])


def test_a_new_run_that_cannot_be_begun_stops_training_and_a_continued_one_does_not(
    tracked: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setenv("TRACKER_FAILS", "init")
    with pytest.raises(
        UserError, match=r"wandb: no run could be begun there \(OSError: the network is gone\); correct it"
    ):
        Trackers(["wandb"], folder).begin({})
    assert not (folder / "trackers.json").exists()
    (folder / "trackers.json").write_text('{"wandb": "w1"}')
    trackers = Trackers(["wandb"], folder)
    trackers.begin({})
    with trackers:
        trackers.log("steps", 1, {"loss": 1.0})
    assert told == ["wandb: its run w1 could not be continued (OSError: the network is gone); training goes on"]


def test_a_tracker_that_fails_is_told_of_once_and_tried_again(
    tracked: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    trackers = Trackers(["mlflow", "wandb"], folder)
    trackers.begin({})
    monkeypatch.setenv("TRACKER_FAILS", "log")
    with trackers:
        for steps in (1, 2, 3):
            trackers.log("steps", steps, {"loss": 1.0})
    assert sorted(told) == [
        f"{name} failed (OSError: the network is gone); training goes on" for name in ("mlflow", "wandb")
    ]
    assert [call[0] for call in calls(tracked, "wandb")] == ["init", "log", "log", "log", "end"]


def test_a_tracker_that_hangs_delays_neither_training_nor_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setattr(reporting, "_FLUSH_S", 0.01)
    answer = threading.Event()
    hanging = SimpleNamespace(id="h1", log=lambda values, steps: answer.wait(), finish=lambda succeeded: None)
    monkeypatch.setitem(table.TRACKERS, "mlflow", lambda *arguments: hanging)
    told_of = Trackers(["mlflow"], folder)
    told_of.begin({})
    with told_of:
        told_of.log("steps", 1, {"loss": 1.0})
    answer.set()
    assert told == ["mlflow did not take all within 0 s; the run ends without it"]


def test_the_knob_names_trackers_and_may_change_when_a_run_is_continued(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("train:\n  track: [wandb]\n")
    assert config.parse(["--config", str(tmp_path / "job.yaml")])[0].train.track == ["wandb"]
    argv = ["--config", str(tmp_path / "job.yaml"), "--train.track", "[mlflow, wandb]"]
    assert config.parse(argv)[0].train.track == ["mlflow", "wandb"]
    with pytest.raises(config.ConfigError, match=r"train\.track"):
        config.parse([*argv, "--train.track", "[neptune]"])
    assert "train.track" in config.RESUMABLE


# --- Training


def test_a_training_tells_its_trackers_what_its_own_files_say_and_continues_there(
    synth_shards: Path, tmp_path: Path, tiny_knobs: list[str], tracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = ["--data.shards", str(synth_shards), "--run", "run", *tiny_knobs, "--train.log_steps", "4"]
    knobs += ["--train.track", "[mlflow,wandb]"]
    packages = f"{stand_ins(tmp_path / 'packages')}:{Path(reporting.__file__).parents[3]}"
    variables = {"PYTHONPATH": packages, "TRACKED": str(tracked), "TRACKER_FAILS": "summary"}
    begun = run(alone("ner_dist.train", *knobs, "--train.epochs", 1), tmp_path, **variables)
    # What it hears instead is of so short a training.
    assert (begun.code, "network" in begun.err) == (0, False)
    log = (tmp_path / "run" / "rank-0.log").read_text()
    assert log.count("wandb failed (OSError: the network is gone); training goes on") == 1
    monkeypatch.chdir(tmp_path)
    loop.train(*config.parse([*knobs, "--train.epochs", "2", "--train.resume", "true"]), Solo(), show_progress=False)

    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    expected: list[tuple[dict[str, float], int]] = []
    for line in lines:
        kind, steps = line.pop("kind"), line.pop("steps")
        expected.append(({f"{kind}/{name}": value for name, value in line.items()}, steps))
    logged = [tuple(call[1:]) for call in calls(tmp_path / "tracked", "wandb") if call[0] == "log"]
    assert logged == expected
    mlflow = calls(tmp_path / "tracked", "mlflow")
    points = {(name, steps): value for call in mlflow if call[0] == "log" for name, value, steps in call[2]}
    assert {
        (name, steps): value for values, steps in expected for name, value in values.items()
    }.items() <= points.items()
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert points["result/test/entity/f1", expected[-1][1]] == result["test"]["entity"]["f1"]
    params = {name: value for call in mlflow if call[0] == "log" for name, value in call[3]}
    assert (params["train.epochs"], params["train.track"]) == ("1", "['mlflow', 'wandb']")
    assert [call[0] for call in mlflow if call[0] in ("create", "continue", "end")] == [
        "create",
        "end",
        "continue",
        "end",
    ]


def test_an_absent_package_stops_every_rank_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synth_shards: Path
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    def refusal(comm: ThreadComm) -> str:
        knobs = config.Config(data=config.Data(shards=str(synth_shards)), train=config.Train(track=["wandb"]))
        knobs.run = str(tmp_path / "run")
        with pytest.raises(UserError) as caught:
            loop.train(knobs, "job", comm)  # type: ignore[arg-type]
        return str(caught.value)

    one, other = thread_ranks(2, refusal)
    assert one == other
    assert one.startswith("--train.track wandb needs the package wandb")
    assert not (tmp_path / "run").exists()


def test_every_tracker_of_the_table_can_be_named_in_the_job_and_no_other() -> None:
    assert get_args(TrackerName) == tuple(table.TRACKERS)
