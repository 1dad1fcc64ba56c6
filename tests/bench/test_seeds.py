"""bench.seeds: runs of several seeds as child processes, continued after whatever stopped them, and their record."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from processes import DRIVERS, Finished, Job, alone, run

from bench.seeds import main
from ner_dist.contract.shard_format import read_index


def words(*arguments: object) -> list[str]:
    return alone(DRIVERS / "stand_in.py", "-m", "bench.seeds", "job.yaml", *arguments)


def seeds(folder: Path, *arguments: object, **variables: str) -> Finished:
    finished = run(words(*arguments), folder, **variables)
    assert finished.left == []
    return finished


def records(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "job" / "results.json").read_text())


def began(folder: Path) -> list[str]:
    return (folder / "began").read_text().split()


@pytest.fixture
def folder(synth_shards: Path, tmp_path: Path) -> Path:
    """A folder with a job of 2 epochs."""
    (tmp_path / "fingerprint").write_text(read_index(synth_shards).fingerprint())
    (tmp_path / "job.yaml").write_text(f"data:\n  shards: {synth_shards}\ntrain:\n  epochs: 2\n")
    return tmp_path


# --- Running and recording


def test_each_seed_is_run_and_the_set_recorded_for_people_and_machines(folder: Path, synth_shards: Path) -> None:
    finished = seeds(folder, "--seeds", 3, "--first", 2)
    assert (finished.code, finished.err) == (0, "")
    assert "runs/job-seed4: epoch 2/2  dev F1 81.20\n" in finished.out
    # 0.772 + 0.01 for each seed; 1 % is the standard deviation of 2, 3 and 4.
    text = (folder / "job" / "RESULTS.md").read_text()
    assert "### `python -m bench.seeds job.yaml --seeds 3 --first 2`, 20" in text
    assert "| **all seeds** | 80.20 ± 1.00 | 80.20 ± 1.00 |" in text
    assert "| job-seed3, seed 3, best of 2 epochs: 2 | 80.20 |" in text
    (record,) = records(folder)
    assert (record["job"], record["knobs"]["train.epochs"]) == ("job", 2)
    assert record["shards"] == read_index(synth_shards).fingerprint()
    assert [found["seed"] for found in record["runs"]] == [2, 3, 4]
    assert record["mean"]["dev.entity.f1"] == pytest.approx(0.802)
    assert record["sd"]["test.entity.per_type.LOC.f1"] == pytest.approx(0.01)
    # 2 epochs at 1000 tokens/s, and 30 s of scoring after each.
    minutes = 2 * (read_index(synth_shards).num_tokens("train") / 1000 + 30) / 60
    assert [found["minutes"] for found in record["runs"]] == [pytest.approx(minutes, abs=0.01)] * 3


def test_a_run_that_is_through_is_not_run_again_and_its_set_replaces_the_former_record(folder: Path) -> None:
    (folder / "job").mkdir()
    (folder / "job" / "RESULTS.md").write_text("# Results\n\nBefore.\n")
    assert seeds(folder, "--seeds", 2).code == 0
    path = folder / "job" / "RESULTS.md"
    path.write_text(path.read_text() + "\nAfter.\n")
    finished = seeds(folder, "--seeds", 3, "--command", "make it")
    assert finished.code == 0
    assert "runs/job-seed2: there already, dev entity F1 79.20  test entity F1 79.20\n" in finished.out
    assert began(folder) == ["job-seed1", "job-seed2", "job-seed3"]
    text = path.read_text()
    assert text.startswith("# Results\n\nBefore.\n\n<!-- begin job-")
    assert text.endswith(" -->\n\nAfter.\n")
    assert text.count("###") == text.count("### `make it`") == 1
    assert [len(record["runs"]) for record in records(folder)] == [3]


def test_other_knobs_make_another_set_and_another_name_for_the_runs(folder: Path) -> None:
    assert seeds(folder, "--seeds", 1).code == 0
    other = ["--seeds", 1, "--name", "slow", "--", "--optimizer.learning_rate", "0.001"]
    assert seeds(folder, *other).code == 0
    assert [record["runs"][0]["run"] for record in records(folder)] == ["job-seed1", "slow-seed1"]
    assert (folder / "job" / "RESULTS.md").read_text().count("<!-- begin job-") == 2
    finished = seeds(folder, "--seeds", 1, "--", "--optimizer.learning_rate", "0.001")
    assert finished.err == (
        "error: runs/job-seed1 holds a run with other knobs (optimizer.learning_rate 0.002, not 0.001); remove it, "
        "or choose another name\n"
    )


def test_without_test_scores_the_table_has_those_of_dev_alone(folder: Path) -> None:
    assert seeds(folder, "--seeds", 1, "--", "--train.score_test", "false").code == 0
    text = (folder / "job" / "RESULTS.md").read_text()
    assert "| | dev entity precision | recall | F1 | dev token F1, BILOU | BIO | minutes |" in text
    assert "test entity" not in text
    assert not [name for name in records(folder)[0]["mean"] if name.startswith("test")]
    # Asked for later, test is scored by continuing the runs.
    finished = seeds(folder, "--seeds", 1)
    assert "runs/job-seed1: continued after epoch 2\n" in finished.out
    assert "test.entity.f1" in records(folder)[0]["mean"]


def test_seeds_run_side_by_side_with_a_share_of_the_cores(folder: Path) -> None:
    (folder / "together").touch()
    (folder / "hold-2").touch()
    # As if the environment did not say: the threads are then shared out.
    with Job(["env", "-u", "OMP_NUM_THREADS", *words("--seeds", 3, "--parallel", 2, "--no-record")], folder) as job:
        job.wait_until(lambda: all((folder / f"runs/job-seed{seed}/metrics.jsonl").exists() for seed in (1, 2)))
        threads = {path.read_text().split()[1] for path in folder.glob("there-*")}
        assert len(list(folder.glob("there-*"))) == 2
        (folder / "hold-2").unlink()
        assert job.wait().code == 0
    assert threads <= {str(number) for number in range(1, 1000)}
    assert sorted(began(folder)) == ["job-seed1", "job-seed2", "job-seed3"]
    assert not (folder / "job").exists()


# --- What stops it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_command_ends_its_trainings_and_it_goes_on_later(folder: Path, number: int) -> None:
    (folder / "hold-2").touch()
    with Job(words("--seeds", 2, "--parallel", 2), folder) as job:
        job.wait_until(lambda: all((folder / f"runs/job-seed{seed}/metrics.jsonl").exists() for seed in (1, 2)))
        parent = next(p for p in job.processes() if "bench.seeds" in p.cmdline() and p.name() != "timeout")
        parent.send_signal(number)
        finished = job.wait()
    assert finished.code != 0
    assert finished.left == []
    if number != signal.SIGKILL:
        assert finished.err == "error: interrupted; repeat the command to continue\n"
    assert not (folder / "job").exists()
    (folder / "hold-2").unlink()
    finished = seeds(folder, "--seeds", 2)
    assert (finished.code, finished.err) == (0, "")
    assert "runs/job-seed1: continued after epoch 1\nruns/job-seed1: epoch 2/2" in finished.out
    assert records(folder)[0]["mean"]["dev.entity.f1"] == pytest.approx(0.787)


def test_a_training_that_does_not_listen_is_killed_with_all_that_it_started(folder: Path) -> None:
    (folder / "hold-1").touch()
    (folder / "deaf").touch()
    with Job(words("--seeds", 1), folder) as job:
        job.wait_until(lambda: any("sleep" in process.name() for process in job.processes()))
        parent = next(p for p in job.processes() if "bench.seeds" in p.cmdline() and p.name() != "timeout")
        parent.send_signal(signal.SIGTERM)
        finished = job.wait()
    assert finished.left == []
    assert finished.err.endswith("error: interrupted; repeat the command to continue\n")


def test_a_failed_seed_is_reported_and_the_others_go_on(folder: Path) -> None:
    (folder / "fail-job-seed1").touch()
    finished = seeds(folder, "--seeds", 2)
    assert finished.code == 1
    problem = "made up by the test (ended with status 1)"
    assert f"runs/job-seed1: FAILED, {problem}; its output: runs/job-seed1.log\n" in finished.out
    assert "runs/job-seed2: dev entity F1 79.20" in finished.out
    assert finished.err == "error: 1 of 2 runs failed: runs/job-seed1; nothing was recorded, see above\n"
    assert not (folder / "job").exists()
    (folder / "fail-job-seed1").unlink()
    assert seeds(folder, "--seeds", 2).code == 0
    assert began(folder) == ["job-seed1", "job-seed2", "job-seed1"]


def test_a_run_that_is_being_trained_is_left_alone(folder: Path) -> None:
    (folder / "hold-1").touch()
    with Job(words("--seeds", 1), folder) as job:
        job.wait_until(lambda: (folder / "there-job-seed1").exists())
        finished = seeds(folder, "--seeds", 1)
        assert finished.err == "error: runs/job-seed1 is being trained by another command; wait for it, or stop it\n"
        (folder / "hold-1").unlink()
        assert job.wait().code == 0


@pytest.mark.ranks
def test_no_rank_outlives_a_command_that_is_stopped(folder: Path) -> None:
    (folder / "hold-1").touch()
    with Job(words("--seeds", 1, "--np", 2), folder) as job:
        job.wait_until(lambda: (folder / "began").exists() and len(began(folder)) == 2)
        job.signal(signal.SIGTERM)
        finished = job.wait()
    assert (finished.code, finished.left) == (130, [])
    assert finished.err == "error: interrupted; repeat the command to continue\n"


MISTAKES = {
    "no such job": (["absent.yaml"], "absent.yaml"),
    "unknown knob": (
        ["job.yaml", "--", "--train.epoch", "3"],
        "unknown knob 'train.epoch'; did you mean --train.epochs?",
    ),
    "a knob of the command's": (
        ["job.yaml", "--", "--train.seed", "3"],
        "--train.seed is set for each run; leave it out",
    ),
    "no shards": (["job.yaml", "--", "--data.shards", "absent"], "absent: the shard directory does not exist"),
    "no seeds": (["job.yaml", "--seeds", "0"], "argument --seeds: 0 is out of range; expected 1 or more"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_sentence_and_leaves_nothing(
    folder: Path, mistake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    # What the interpreter prints, or what argparse has printed.
    assert message in (ended.value.code if isinstance(ended.value.code, str) else capsys.readouterr().err)
    assert capsys.readouterr().out == ""
    assert {path.name for path in folder.iterdir()} == {"fingerprint", "job.yaml"}


# --- With real training


def test_a_seed_is_really_trained(synth_shards: Path, tiny_knobs: list[str], tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(f"data:\n  shards: {synth_shards}\ntrain:\n  epochs: 1\n")
    finished = run(alone("bench.seeds", "tiny.yaml", "--seeds", 1, "--", *tiny_knobs), tmp_path)
    assert (finished.code, finished.err, finished.left) == (0, "", [])
    result = json.loads((tmp_path / "runs/tiny-seed1/result.json").read_text())
    (record,) = records(tmp_path)
    for split in ("dev", "test"):
        assert record["mean"][f"{split}.entity.f1"] == pytest.approx(result[split]["entity"]["f1"], abs=1e-6)
