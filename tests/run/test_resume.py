"""A run that was killed and resumed equals one that was left alone; a continuation that could not be is refused."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from processes import DRIVERS, alone, launched, run

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist import config as knobs_of
from ner_dist.errors import UserError
from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint

# Of two, a process of their own is killed; of the others, the files are copied at that moment.
KILLED = ("adam", "everything")
RULES = {
    "adam": [],
    "nadam": ["--optimizer.name", "nadam", "--optimizer.decay", "0.1"],
    "sgd": ["--optimizer.name", "sgd", "--optimizer.learning_rate", "0.2", "--optimizer.params", "{momentum: 0.9}"],
}
EPOCHS = 3
CHECKPOINT_STEPS = 5
# In the midst of the second epoch and between two checkpoints.
KILLED_IN_STEP = 22
# What depends on the clock.
TIMES = ("tokens_per_second", "scoring_seconds", "sha256")


@pytest.fixture(scope="module")
def rules(everything_on: list[str]) -> dict[str, list[str]]:
    return {**RULES, "everything": everything_on}


@pytest.fixture(scope="module")
def knobs(rich_shards: Path, tiny_knobs: list[str]) -> list[str]:
    values = {
        "data.shards": rich_shards,
        "optimizer.learning_rate": 0.02,
        "train.batch_sentences": 25,
        "train.epochs": EPOCHS,
        "train.log_steps": 1,
        "train.checkpoint_steps": CHECKPOINT_STEPS,
        "train.device": "cpu",
    }
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


def train(knobs: list[str], path: Path, *more: str) -> None:
    """In this process, which saves loading MXNet: what a process leaves to the next is on disk only."""
    from ner_dist.training import loop

    settings, job = knobs_of.parse([*knobs, "--run", str(path), *more])
    loop.train(settings, job, Solo(), show_progress=False)


def train_and_copy(knobs: list[str], path: Path, copy: Path) -> None:
    """The same, and what a kill would have left in the midst of it."""
    from ner_dist.training.step import Learner

    step, num_steps = Learner.step, 0

    def step_or_copy(learner: Learner, *arguments: Any) -> Any:
        nonlocal num_steps
        num_steps += 1
        if num_steps == KILLED_IN_STEP:
            for thread in threading.enumerate():
                if thread.name == "checkpoint":
                    thread.join()
            # The lock of a process that lives is not taken over.
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("run.lock"))
        return step(learner, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Learner, "step", step_or_copy)
        train(knobs, path)


def train_by_command(knobs: list[str], path: Path, *more: str) -> None:
    finished = run(alone("ner_dist.train", *knobs, "--run", path, *more), path.parent)
    assert finished.code == 0, finished.err


@pytest.fixture(scope="module")
def runs(knobs: list[str], rules: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs of each rule: whole-RULE, and killed-RULE as a kill left it, or would have."""
    folder = tmp_path_factory.mktemp("runs")

    def kill(rule: str) -> None:
        path = folder / f"killed-{rule}"
        driven = [DRIVERS / "trouble.py", "kill", 0, KILLED_IN_STEP, *knobs, *rules[rule], "--run", path]
        finished = run(alone(*driven), folder)
        # The command timeout ends as its child does, or says 128 + 9.
        assert finished.code in (-9, 137), finished.err

    with ThreadPoolExecutor(1) as pool:
        killed = [pool.submit(kill, rule) for rule in KILLED]
        for rule, own in rules.items():
            if rule in KILLED:
                train([*knobs, *own], folder / f"whole-{rule}")
            else:
                train_and_copy([*knobs, *own], folder / f"whole-{rule}", folder / f"killed-{rule}")
        for one in killed:
            one.result()
    return folder


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Any:
    """Copies a run of the fixture, to be changed."""
    return lambda name: Path(shutil.copytree(runs / name, tmp_path / name))


def metrics(path: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (path / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def result(path: Path) -> dict[str, Any]:
    return {name: value for name, value in json.loads((path / "result.json").read_text()).items() if name not in TIMES}


def arrays(path: Path, name: str = "last") -> dict[str, np.ndarray]:
    return checkpoint.load(path / "checkpoints" / name).arrays


def progress(path: Path) -> dict[str, Any]:
    state = vars(checkpoint.load(path / "checkpoints" / "last").progress)
    return {name: value for name, value in state.items() if name != "trained_seconds"}


def assert_no_step_twice(path: Path) -> None:
    steps = [line["steps"] for line in metrics(path) if line["kind"] == "steps"]
    assert steps == list(range(1, len(steps) + 1))
    assert [line["epoch"] for line in metrics(path) if line["kind"] == "epoch"] == [1, 2, 3]


def assert_bitwise_equal(one: Path, other: Path) -> None:
    for name in ("last", "best"):
        expected, found = arrays(one, name), arrays(other, name)
        assert expected.keys() == found.keys()
        assert [key for key in expected if expected[key].tobytes() != found[key].tobytes()] == []
    assert metrics(one) == metrics(other)
    assert progress(one) == progress(other)


# --- Equal to an uninterrupted run


def test_the_kill_came_in_the_midst_of_an_epoch_and_between_checkpoints(runs: Path) -> None:
    per_epoch = progress(runs / "whole-adam")["total_steps"] // EPOCHS
    assert per_epoch < KILLED_IN_STEP < 2 * per_epoch
    for rule in RULES:
        state = progress(runs / f"killed-{rule}")
        assert (state["epoch"], state["total_steps"]) == (1, KILLED_IN_STEP // CHECKPOINT_STEPS * CHECKPOINT_STEPS)
        assert state["step"] == state["total_steps"] - per_epoch > 0
        # There are steps to be taken out of metrics.jsonl.
        assert metrics(runs / f"killed-{rule}")[-1]["steps"] == KILLED_IN_STEP - 1 > state["total_steps"]
        assert not (runs / f"killed-{rule}" / "result.json").exists()


@pytest.mark.parametrize("rule", [*RULES, "everything"])
def test_killed_and_resumed_equals_uninterrupted_bitwise(
    runs: Path, copied: Any, knobs: list[str], rules: dict[str, list[str]], rule: str
) -> None:
    path = copied(f"killed-{rule}")
    # Uninterrupted, all trained in one process: one continues in a process of its own, as a user's does.
    (train_by_command if rule == "everything" else train)([*knobs, *rules[rule]], path, "--train.resume", "true")
    assert_bitwise_equal(runs / f"whole-{rule}", path)
    assert result(path) == result(runs / f"whole-{rule}")
    assert_no_step_twice(path)


def assert_equal_but_for_rounding(one: Path, other: Path) -> None:
    expected, found = arrays(one), arrays(other)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=2e-5, err_msg=name)
    assert {**result(one), "num_ranks": 0} == {**result(other), "num_ranks": 0}
    expected_loss, found_loss = ([line["loss"] for line in metrics(path)] for path in (one, other))
    np.testing.assert_allclose(found_loss, expected_loss, rtol=1e-4)


@pytest.mark.ranks
def test_killed_alone_and_resumed_on_2_ranks_equals_uninterrupted(
    runs: Path, copied: Any, knobs: list[str], tmp_path: Path
) -> None:
    path = copied("killed-adam")
    finished = run(launched(2, "ner_dist.train", *knobs, "--run", path, "--train.resume", "true"), tmp_path)
    assert finished.code == 0, finished.err
    assert result(path)["num_ranks"] == 2
    assert_equal_but_for_rounding(runs / "whole-adam", path)
    assert_no_step_twice(path)


@pytest.mark.ranks
def test_killed_on_2_ranks_and_resumed_alone_equals_uninterrupted(runs: Path, knobs: list[str], tmp_path: Path) -> None:
    path = tmp_path / "run"
    driven = [DRIVERS / "trouble.py", "kill", 1, KILLED_IN_STEP, *knobs, "--run", path]
    finished = run(launched(2, *driven), tmp_path)
    assert finished.code not in (0, 124)
    assert progress(path)["step"] > 0
    train(knobs, path, "--train.resume", "true")
    assert result(path)["num_ranks"] == 1
    assert_equal_but_for_rounding(runs / "whole-adam", path)
    assert_no_step_twice(path)


def test_a_finished_run_rewrites_its_result_and_goes_on_to_more_epochs(
    runs: Path, knobs: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    train(knobs, path, "--train.epochs", "2")
    first, before = result(path), metrics(path)
    (path / "result.json").unlink()
    train(knobs, path, "--train.epochs", "2", "--train.resume", "true")
    assert result(path) == first
    assert metrics(path) == before
    train(knobs, path, "--train.resume", "true")
    assert_bitwise_equal(runs / "whole-adam", path)
    assert result(path) == result(runs / "whole-adam")
    assert_no_step_twice(path)


# --- Refused


def refusal(knobs: list[str], path: Path, *more: str) -> str:
    """The sentence with which training refuses to begin; it must leave the run as it is."""
    from ner_dist.training.loop import train

    def content() -> dict[Path, bytes]:
        # The lock of a process that was killed is taken over, and released.
        return {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != "run.lock"}

    before = content()
    settings, job = knobs_of.parse([*knobs, "--run", str(path), *more])
    with pytest.raises(UserError) as refused:
        train(settings, job, Solo())
    assert content() == before
    return str(refused.value)


def test_a_run_is_not_overwritten_without_resume(runs: Path, copied: Any, knobs: list[str]) -> None:
    for name in ("whole-adam", "killed-adam"):
        path = copied(name)
        assert refusal(knobs, path) == (
            f"{path} already holds a run; continue it with --train.resume true, or choose another --run"
        )


def test_other_knobs_are_refused_by_name(copied: Any, knobs: list[str]) -> None:
    changes = ["--train.seed", "7", "--model.dropout_input", "0.5", "--optimizer.params", "{beta1: 0.8}"]
    message = refusal(knobs, copied("killed-adam"), "--train.resume", "true", *changes)
    assert "begun with other knobs (" in message
    for change in ("train.seed 1 -> 7", "model.dropout_input 0.25 -> 0.5", "optimizer.params {} -> {'beta1': 0.8}"):
        assert change in message


def test_knobs_that_do_not_decide_the_result_may_change(runs: Path, copied: Any, knobs: list[str]) -> None:
    path = copied("killed-adam")
    changes = ["--train.log_steps", "2", "--train.checkpoint_steps", "0", "--train.eval_batch_sentences", "7"]
    train(knobs, path, "--train.resume", "true", *changes)
    assert result(path) == result(runs / "whole-adam")
    assert all((arrays(path)[name] == array).all() for name, array in arrays(runs / "whole-adam").items())


def test_other_shards_are_refused_by_name(
    copied: Any, knobs: list[str], synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    build(sources_of(synth_corpus), Settings(num_shards=4, num_buckets=4), tmp_path / "others", Problems())
    others = ["--data.shards", str(tmp_path / "others")]
    message = refusal(knobs, copied("killed-adam"), "--train.resume", "true", *others)
    assert f"trained on other shards than those in {tmp_path / 'others'}" in message


def test_the_same_shards_may_lie_elsewhere(runs: Path, copied: Any, knobs: list[str], tmp_path: Path) -> None:
    moved = shutil.copytree(knobs[knobs.index("--data.shards") + 1], tmp_path / "moved")
    path = copied("whole-adam")
    train(knobs, path, "--train.resume", "true", "--data.shards", str(moved))
    assert result(path) == result(runs / "whole-adam")


def damage(path: Path) -> Path:
    """Changes a bit of a checkpoint's arrays."""
    file = path / "arrays.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return file


def test_damaged_checkpoints_are_refused_if_there_is_no_other(copied: Any, knobs: list[str]) -> None:
    path = copied("killed-adam")
    last, *_ = [damage(place) for place in sorted((path / "checkpoints").glob("last*"))]
    assert refusal(knobs, path, "--train.resume", "true").startswith(f"{last}: checksum ")


def test_a_run_whose_last_checkpoint_is_damaged_goes_on_from_the_one_before(
    runs: Path, copied: Any, knobs: list[str]
) -> None:
    path = copied("killed-adam")
    damage(path / "checkpoints" / "last")
    train(knobs, path, "--train.resume", "true")
    assert_bitwise_equal(runs / "whole-adam", path)
    assert result(path) == result(runs / "whole-adam")
