"""A run at an address equals one in a directory, also when another machine goes on with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import thread_comm

from ner_dist import config as knobs_of
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Solo
from ner_dist.ranks.stop_signals import Stopped
from ner_dist.run import checkpoint, publisher, run_publication, store_lock
from ner_dist.run.run_place import RunPlace
from ner_dist.stores.addresses import StoreError, parse_address
from ner_dist.stores.mirror import mirror
from ner_dist.stores.objects import upload
from ner_dist.training.training_run import Run

RUN = "s3://bucket/runs/mine"
# What depends on the clock.
TIMES = ("tokens_per_second", "scoring_seconds", "sha256")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the run's address."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setattr(store_lock, "_SETTLE_S", 0.01)
    on_machine("one", tmp_path, monkeypatch)
    return tmp_path / "store" / "s3" / "bucket" / "runs" / "mine"


def on_machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on where nothing is known but what is in the store."""
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "machines" / name))


@pytest.fixture
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    own = {
        "data.shards": synth_shards,
        "train.device": "cpu",
        "train.batch_sentences": 250,
        "train.log_steps": 2,
        "train.checkpoint_steps": 3,
        "train.score_test": "false",
    }
    return [*tiny_knobs, *(word for name, value in own.items() for word in (f"--{name}", str(value)))]


def train(knobs: list[str], run: str | Path, *more: str) -> dict[str, Any]:
    from ner_dist.training import loop

    settings, job = knobs_of.parse([*knobs, "--run", str(run), *more])
    result = loop.train(settings, job, Solo(), show_progress=False)
    assert result is not None
    return {name: value for name, value in result.items() if name not in TIMES}


def metrics(run: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def published_run() -> Path:
    return mirror(parse_address(RUN), ["*"])


def test_a_run_that_another_machine_goes_on_with_equals_one_in_a_directory(
    knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    expected = train(knobs, tmp_path / "run", "--train.epochs", "2")
    train(knobs, RUN, "--train.epochs", "1")
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"  run {RUN}")
    on_machine("two", tmp_path, monkeypatch)
    assert train(knobs, RUN, "--train.epochs", "2", "--train.resume", "true") == expected
    found = published_run()
    assert metrics(found) == metrics(tmp_path / "run")
    for name in ("last", "best"):
        one, other = (checkpoint.load(run / "checkpoints" / name).arrays for run in (tmp_path / "run", found))
        assert {key: array.tobytes() for key, array in one.items()} == {key: a.tobytes() for key, a in other.items()}
    assert {path.name for path in found.iterdir()} == {path.name for path in (tmp_path / "run").iterdir()}
    assert not (store / "run.lock").exists()
    # All of it is published, so that nothing stays here.
    assert [list((machine / "runs").iterdir()) for machine in (tmp_path / "machines").iterdir()] == [[], []]


def test_two_ranks_that_are_asked_to_end_publish_what_they_have_saved(
    knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_ranks(*more: str) -> Any:
        def rank(comm: Any) -> Any:
            from ner_dist.training import loop

            settings, job = knobs_of.parse([*knobs, "--run", RUN, "--train.epochs", "1", *more])
            return loop.train(settings, job, comm, show_progress=False)

        return thread_comm.on_ranks(2, rank)

    usual = Run.vote
    with monkeypatch.context() as patch:
        patch.setattr(Run, "vote", lambda run, progress: 1.0 if progress.total_steps == 1 else usual(run, progress))
        with pytest.raises(Stopped, match=rf"after 2 steps, all of them saved; continue with the same .* --run {RUN} "):
            on_ranks()
    on_machine("two", tmp_path, monkeypatch)
    result, _ = on_ranks("--train.resume", "true")
    steps = [line["steps"] for line in metrics(published_run()) if line["kind"] == "steps"]
    assert steps == list(range(2, result["steps"] + 1, 2))


def test_a_run_that_is_there_is_not_begun_anew(knobs: list[str], store: Path) -> None:
    store.mkdir(parents=True)
    (store / "config.yaml").write_text("a copy")
    with pytest.raises(UserError, match=f"^{RUN} already holds a run; continue it with --train.resume true"):
        train(knobs, RUN, "--train.epochs", "1")
    assert [path.name for path in store.iterdir()] == ["config.yaml"]


def test_a_store_that_is_away_during_training_costs_no_step(
    knobs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    num_failed = 0

    def fail_at_first(*arguments: Any) -> str:
        nonlocal num_failed
        if num_failed < 2:
            num_failed += 1
            raise StoreError(f"{RUN}/x could not be written: no answer")
        return upload(*arguments)

    monkeypatch.setattr(run_publication, "upload", fail_at_first)
    result = train(knobs, RUN, "--train.epochs", "2")
    said = capsys.readouterr().err
    assert f"note: {RUN}/x could not be written: no answer; training goes on, and it is tried again with" in said
    assert f"note: {RUN} can be published again" in said
    assert json.loads((published_run() / "result.json").read_text())["steps"] == result["steps"]


def test_a_store_that_is_away_at_the_end_is_an_error_that_says_where_the_run_is(
    knobs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> str:
        raise StoreError(f"{RUN}/x could not be written: no answer")

    with monkeypatch.context() as patch:
        patch.setattr(run_publication, "upload", fail)
        with pytest.raises(UserError, match="no answer; the run is complete on this machine alone, so repeat the"):
            train(knobs, RUN, "--train.epochs", "1")
    assert (RunPlace(RUN).path / "result.json").is_file()
    result = train(knobs, RUN, "--train.epochs", "1", "--train.resume", "true")
    assert json.loads((published_run() / "result.json").read_text())["steps"] == result["steps"]


def test_no_room_for_copies_is_said_and_saved_once_there_is(knobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publisher, "take_snapshot", full)
    with pytest.raises(UserError, match="No space left on device"):
        train(knobs, RUN, "--train.epochs", "1")


def test_messages_name_the_address_and_not_the_cache(
    knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(knobs, RUN, "--train.epochs", "1")
    on_machine("two", tmp_path, monkeypatch)
    with pytest.raises(UserError, match=rf"^{RUN}/checkpoints/last: the run was begun with other knobs \(model.lstm"):
        train(knobs, RUN, "--train.epochs", "2", "--train.resume", "true", "--model.lstm_units", "9")


@pytest.mark.parametrize("address", ["s4://bucket/run", "s3:///run", "s3://bucket/../run", "http://bucket/run"])
def test_an_address_that_cannot_be_one_is_refused_by_its_option(address: str) -> None:
    for option in ("--run", "--train.begin_from", "--like"):
        with pytest.raises(knobs_of.ConfigError, match=f"^{option}: "):
            knobs_of.parse([option, address])


def test_a_new_run_begins_from_one_at_an_address_and_is_like_it(
    knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(knobs, RUN, "--train.epochs", "1")
    on_machine("two", tmp_path, monkeypatch)
    for model in (RUN, f"{RUN}/checkpoints/best"):
        settings, job = knobs_of.parse(["--like", model, "--train.begin_from", model])
        assert (settings.model.lstm_units, job) == (8, "mine")
        assert knobs_of.like_sentence(["--like", model]).startswith(f"as {model}: ")
    train(knobs, tmp_path / "next", "--train.epochs", "1", "--train.begin_from", RUN)
    assert f"begun from {RUN}, best checkpoint, epoch 1: " in capsys.readouterr().out
