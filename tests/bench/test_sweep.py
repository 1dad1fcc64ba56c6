"""bench.sweep: trials chosen by dev alone, stopped early, and continued after whatever stopped the sweep."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from processes import DRIVERS, ROOT, Finished, Job, alone, run

from bench import sweep, sweep_space
from ner_dist.contract.shard_format import read_index

FILES = sorted((ROOT / "job" / "sweeps").glob("*.yaml"))
# The stand-in's dev F1 is best at a learning rate of 0.005; the median needs 4 trials to go by.
SWEEP = """\
job: job.yaml
trials: 7
epochs: 3
knobs: {model.lstm_units: 9}
ranges:
  optimizer.learning_rate: {low: 0.001, high: 0.02, log: true}
  model.lstm_layers: {low: 1, high: 3}
  optimizer.params: {values: [{}, {beta1: 0.8}]}
"""


def in_folder(folder: Path, shards: Path) -> Path:
    (folder / "fingerprint").write_text(read_index(shards).fingerprint())
    (folder / "job.yaml").write_text(f"data:\n  shards: {shards}\n")
    (folder / "lr.yaml").write_text(SWEEP)
    return folder


def words(*arguments: object) -> list[str]:
    return alone(DRIVERS / "stand_in.py", "-m", "bench.sweep", "lr.yaml", *arguments)


def swept(folder: Path, *arguments: object) -> Finished:
    finished = run(words(*arguments), folder)
    assert finished.left == []
    return finished


def trials(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "runs/sweeps/lr/trials.json").read_text())


@pytest.fixture
def folder(synth_shards: Path, tmp_path: Path) -> Path:
    return in_folder(tmp_path, synth_shards)


@pytest.fixture(scope="module")
def done(synth_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sweep went through undisturbed. Not to be changed."""
    folder = in_folder(tmp_path_factory.mktemp("sweep"), synth_shards)
    finished = swept(folder)
    assert (finished.code, finished.err) == (0, "")
    (folder / "stdout").write_text(finished.out)
    return folder


# --- What it finds


def test_the_best_trials_come_first_and_the_worst_were_stopped_early(done: Path) -> None:
    found = trials(done)
    assert sorted(row["trial"] for row in found) == list(range(7))
    through = [row for row in found if row["state"] == "complete"]
    pruned = [row for row in found if row["state"] == "pruned"]
    assert found == through + pruned
    assert len(pruned) > 0
    for row in found:
        rate = row["knobs"]["optimizer.learning_rate"]
        assert 0.001 <= rate <= 0.02
        assert row["knobs"]["model.lstm_layers"] in (1, 2, 3)
        assert row["knobs"]["optimizer.params"] in ({}, {"beta1": 0.8})
        assert row["dev_f1"] == pytest.approx(0.81 - 10 * abs(rate - 0.005) + 0.001 * row["epochs"])
        assert row["epochs"] == len(row["dev_f1_by_epoch"])
    assert [row["epochs"] for row in through] == [3] * len(through)
    assert max(row["epochs"] for row in pruned) < 3
    assert [row["dev_f1"] for row in through] == sorted((row["dev_f1"] for row in through), reverse=True)


def test_trials_never_score_test_and_take_the_knobs_of_job_file_and_range(done: Path) -> None:
    best = trials(done)[0]
    result = json.loads((done / f"runs/sweeps/lr/trial-{best['trial']}/result.json").read_text())
    assert "test" not in result
    config = (done / f"runs/sweeps/lr/trial-{best['trial']}/config.yaml").read_text()
    for line in ("lstm_units: 9", "score_test: false", f"learning_rate: {best['knobs']['optimizer.learning_rate']}"):
        assert f" {line}\n" in config


def test_the_summary_ranks_the_trials_and_says_how_to_go_on(done: Path) -> None:
    text, best = (done / "runs/sweeps/lr/summary.md").read_text(), trials(done)[0]
    assert text in (done / "stdout").read_text()
    assert f"\n| {best['trial']} | {100 * best['dev_f1']:.2f} | 3 of 3 | " in text
    (command,) = [line.split() for line in text.splitlines() if line.startswith("python -m bench.seeds job.yaml")]
    assert command[command.index("--optimizer.learning_rate") + 1] == str(best["knobs"]["optimizer.learning_rate"])
    assert command[command.index("--train.epochs") + 1] == "3"


def test_only_the_best_trial_keeps_its_checkpoints(done: Path) -> None:
    kept = [path.parent.name for path in (done / "runs/sweeps/lr").glob("trial-*/checkpoints")]
    assert kept == [f"trial-{trials(done)[0]['trial']}"]


def test_a_sweep_that_is_through_starts_nothing_unless_more_trials_are_asked_for(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    assert swept(folder).code == 0
    assert (folder / "began").read_text() == (done / "began").read_text()
    assert swept(folder, "--trials", 8).code == 0
    assert (folder / "began").read_text() == (done / "began").read_text() + "trial-7\n"


# --- What stops it


def test_a_sweep_that_was_killed_comes_to_the_same_end(done: Path, folder: Path) -> None:
    # After that many trials the sampler and the pruner have something to go by.
    number = max(row["trial"] for row in trials(done) if row["state"] == "complete")
    (folder / f"hold-trial-{number}").touch()
    with Job(words(), folder) as job:
        job.wait_until(lambda: (folder / f"runs/sweeps/lr/trial-{number}/metrics.jsonl").exists())
        parent = next(p for p in job.processes() if "bench.sweep" in p.cmdline() and p.name() != "timeout")
        parent.kill()
        finished = job.wait()
    assert finished.code != 0
    assert finished.left == []
    # What a writer leaves that is killed while it writes.
    journal = folder / "runs/sweeps/lr/study.journal"
    journal.write_bytes(journal.read_bytes() + b'{"op_code":')
    lock = Path(f"{journal}.lock")
    # Sometimes it was killed just so.
    lock.unlink(missing_ok=True)
    lock.symlink_to(journal)
    (folder / f"hold-trial-{number}").unlink()
    finished = swept(folder)
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.startswith(f"runs/sweeps/lr/trial-{number}: ")
    assert trials(folder) == trials(done)


def test_trials_run_side_by_side(folder: Path) -> None:
    (folder / "together").touch()
    finished = swept(folder, "--trials", 2, "--parallel", 2)
    assert (finished.code, finished.err) == (0, "")
    assert [row["state"] for row in trials(folder)] == ["complete"] * 2


def test_a_job_that_always_fails_is_given_up_with_its_error_and_continues_when_repaired(folder: Path) -> None:
    for number in range(3):
        (folder / f"fail-trial-{number}").touch()
    finished = swept(folder, "--trials", 4)
    assert finished.code == 1
    problem = "made up by the test (ended with status 1)"
    assert finished.err == f"error: the first 3 trials all failed, the last of them with: {problem}\n"
    assert swept(folder, "--trials", 1).code == 0
    assert [row["state"] for row in trials(folder)] == ["complete", "fail", "fail", "fail"]
    assert f"- trial 1: {problem}\n" in (folder / "runs/sweeps/lr/summary.md").read_text()


def test_the_budget_of_epochs_ends_a_sweep(folder: Path) -> None:
    (folder / "lr.yaml").write_text(SWEEP + "budget: 1\n")
    assert swept(folder).code == 0
    assert [row["epochs"] for row in trials(folder)] == [3]


def test_a_sweep_is_not_mixed_with_another_nor_begun_twice(folder: Path) -> None:
    (folder / "hold-1").touch()
    with Job(words("--trials", 1), folder) as job:
        job.wait_until(lambda: (folder / "there-trial-0").exists())
        message = "error: runs/sweeps/lr is being trained by another command; wait for it, or stop it\n"
        assert swept(folder).err == message
        (folder / "hold-1").unlink()
        assert job.wait().code == 0
    (folder / "lr.yaml").write_text(SWEEP.replace("0.02", "0.03") + "pruner: none\n")
    assert swept(folder).err == (
        "error: runs/sweeps/lr holds a sweep with other pruner, ranges; remove it, or give this file another name\n"
    )


def test_without_optuna_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit, match=r"error: a sweep needs optuna, .* -e '\.\[sweep\]'$"):
        sweep.main(["lr.yaml"])


# --- The file


RATE = "optimizer.learning_rate: {low: 0.001, high: 0.02, log: true}"
MISTAKES = {
    "absent": (None, "lr.yaml: not readable (No such file or directory)"),
    "no such job": (SWEEP.replace("job.yaml", "absent.yaml"), "lr.yaml: the job file absent.yaml does not exist"),
    "no job": (SWEEP.replace("job: job.yaml\n", ""), "lr.yaml: job is None, expected the path of a job file"),
    "a wrong name": (SWEEP.replace("trials", "trails"), "lr.yaml: unknown trails; expected budget, epochs, job, "),
    "no trials": (SWEEP.replace("7", "0"), "lr.yaml: trials is 0, expected a whole number above 0"),
    "unknown sampler": (SWEEP + "sampler: grid\n", "lr.yaml: sampler is grid, expected one of tpe, random"),
    "unknown pruner": (SWEEP + "pruner: [a]\n", "lr.yaml: pruner is ['a'], expected one of median, halving, "),
    "unknown knob": (SWEEP.replace("learning_rate", "learn_rate"), "unknown knob 'optimizer.learn_rate'; did you mean"),
    "a value the knob refuses": (SWEEP.replace("low: 1,", "low: 0,"), "--model.lstm_layers is 0, expected a number ab"),
    "a type the knob refuses": (SWEEP.replace("[{}, ", "[3, "), "lr.yaml: --optimizer.params is '3', expected "),
    "no ranges": (SWEEP[: SWEEP.index("ranges")], "lr.yaml: ranges is empty, expected section.knob: {low: "),
    "an empty range": (SWEEP.replace("0.001", "0.02"), "ranges: optimizer.learning_rate is empty, from 0.02 to 0.02"),
    "no values": (SWEEP.replace("[{}, {beta1: 0.8}]", "[]"), "ranges: optimizer.params has no values, expected"),
    "no range": (SWEEP.replace(RATE, "optimizer.learning_rate: 1"), "optimizer.learning_rate is 1, expected {low: ..."),
    "only low": (SWEEP.replace(", high: 3", ""), "ranges: model.lstm_layers is {'low': 1}, expected {low: ..., high"),
    "log in steps": (SWEEP.replace("log: true", "log: true, step: 1"), "log: true needs a low above 0 and no step"),
    "half a step": (SWEEP.replace("high: 3", "high: 3, step: 0.5"), "step is 0.5, expected a whole number above 0"),
    "names in a row": (SWEEP.replace(RATE, "optimizer.name: {low: adam, high: sgd}"), "from adam to sgd in steps of"),
    "epochs swept": (SWEEP.replace(RATE, "train.epochs: {low: 1, high: 3}"), "train.epochs cannot be swept: "),
    "epochs twice": (
        SWEEP.replace("model.lstm_units", "train.epochs"),
        "train.epochs is under knobs, but a sweep",
    ),
    "no dev": (
        SWEEP.replace("model.lstm_units: 9", "data.train_on: train+dev, train.keep: last"),
        "lr.yaml: the job trains on train+dev, which leaves no dev to choose by",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_sentence_and_leaves_nothing(
    folder: Path, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, message = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    if text is None:
        Path("lr.yaml").unlink()
    else:
        Path("lr.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        sweep.main(["lr.yaml"])
    assert str(ended.value.code).startswith("error: lr.yaml: ")
    assert message in str(ended.value.code)
    assert "\n" not in str(ended.value.code)
    assert {path.name for path in folder.iterdir()} <= {"fingerprint", "job.yaml", "lr.yaml"}


def test_ranges_are_of_the_knobs_types(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    # Without a dot YAML takes 1e-4 for text.
    Path("lr.yaml").write_text(SWEEP.replace("0.001", "1e-4"))
    ranges = sweep_space.read_sweep(Path("lr.yaml")).ranges
    assert ranges["optimizer.learning_rate"] == FloatDistribution(0.0001, 0.02, log=True)
    assert ranges["model.lstm_layers"] == IntDistribution(1, 3)
    assert ranges["optimizer.params"] == CategoricalDistribution(["{}", '{"beta1": 0.8}'])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sweep_that_is_there_has_only_knobs_that_are_there(
    path: Path, synth_shards: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "job", folder / "job")
    monkeypatch.chdir(folder)
    # Any shards will do, where the job expects its own.
    index = read_index(synth_shards)
    monkeypatch.setattr(sweep_space.seed_sets, "read_index", lambda directory: index)
    assert sweep_space.read_sweep(path).ranges


# --- With real training


def test_a_trial_is_really_trained(synth_shards: Path, tiny_knobs: list[str], tmp_path: Path) -> None:
    in_folder(tmp_path, synth_shards)
    knobs = dict(zip((name[2:] for name in tiny_knobs[::2]), map(json.loads, tiny_knobs[1::2])))
    ranges = {"optimizer.learning_rate": {"low": 0.001, "high": 0.01}}
    content = {"job": "job.yaml", "trials": 1, "epochs": 1, "knobs": knobs, "ranges": ranges}
    # JSON is YAML, too.
    (tmp_path / "lr.yaml").write_text(json.dumps(content))
    finished = run(alone("bench.sweep", "lr.yaml"), tmp_path)
    assert (finished.code, finished.err, finished.left) == (0, "", [])
    (row,) = trials(tmp_path)
    result = json.loads((tmp_path / "runs/sweeps/lr/trial-0/result.json").read_text())
    assert (row["state"], row["dev_f1"]) == ("complete", result["dev"]["entity"]["f1"])
    assert "test" not in result
