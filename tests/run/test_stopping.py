"""SIGTERM and Ctrl-C: all ranks end after the same step with everything saved, and the run goes on where it stood."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import thread_comm
from processes import DRIVERS, alone, run

from ner_dist import config as knobs_of
from ner_dist.errors import UserError
from ner_dist.ranks.stop_signals import Stopped
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError
from ner_dist.run.progress import Progress
from ner_dist.training import loop, training_run
from ner_dist.training.training_run import Run


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    job = ["--train.epochs", "2", "--train.device", "cpu", "--train.hang_seconds", "0", "--train.log_steps", "1"]
    return [*tiny_knobs, "--data.shards", str(synth_shards), *job]


def train(knobs: list[str], path: Path, *more: str) -> list[Any]:
    """Train on two ranks that are threads; what each returns."""

    def rank(comm: Any) -> Any:
        config, job = knobs_of.parse([*knobs, "--run", str(path), *more])
        return loop.train(config, job, comm)

    return thread_comm.on_ranks(2, rank)


def arrays(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in checkpoint.load(path / "checkpoints" / "last").arrays.items()}


def steps_taken(path: Path) -> int:
    return checkpoint.load(path / "checkpoints" / "last").progress.total_steps


@pytest.fixture(scope="module")
def whole(knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run"
    train(knobs, path)
    return path


@pytest.fixture
def votes(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """What rank 1 votes, by the number of its vote, from 1; 0 if nothing is here."""
    found: dict[int, float] = {}
    cast = [0]
    usual = Run.vote

    def vote(self: Run, progress: Progress) -> float:
        if self.comm.rank != 1:
            return usual(self, progress)
        cast[0] += 1
        return found.get(cast[0], 0.0)

    monkeypatch.setattr(Run, "vote", vote)
    return found


def test_one_rank_is_asked_and_all_end_after_that_step_and_go_on_bit_for_bit(
    knobs: list[str], whole: Path, votes: dict[int, float], tmp_path: Path
) -> None:
    per_epoch = steps_taken(whole) // 2
    # In the midst of the first epoch, and after the last step of the second.
    votes.update({5: training_run._VOTES[signal.SIGTERM], 2 * per_epoch: training_run._VOTES[signal.SIGINT]})
    with pytest.raises(Stopped, match=r"^SIGTERM has ended the run after 5 steps, all of them saved; continue") as stop:
        train(knobs, tmp_path / "run")
    assert (stop.value.code, steps_taken(tmp_path / "run")) == (143, 5)
    with pytest.raises(Stopped, match="SIGINT has ended the run after") as stop:
        train(knobs, tmp_path / "run", "--train.resume", "true")
    assert (stop.value.code, steps_taken(tmp_path / "run")) == (130, 2 * per_epoch)
    # Only the score and the result are left to do.
    train(knobs, tmp_path / "run", "--train.resume", "true")
    assert arrays(tmp_path / "run") == arrays(whole)
    assert not (tmp_path / "run" / "run.lock").exists()


def test_a_checkpoint_that_could_not_be_saved_ends_all_ranks_after_the_next_step(
    knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise CheckpointError("no room")

    monkeypatch.setattr(checkpoint, "save", refuse)
    with pytest.raises(UserError, match="no room"):
        train(knobs, tmp_path / "run", "--train.checkpoint_steps", "2")


def test_votes_of_many_ranks_are_told_apart() -> None:
    asked = np.float32(0)
    for _ in range(500):
        asked += np.float32(training_run._VOTES[signal.SIGINT])
    assert asked < training_run._VOTES[signal.SIGTERM]
    for _ in range(500):
        asked += np.float32(training_run._VOTES[signal.SIGTERM])
    assert training_run._VOTES[signal.SIGTERM] <= asked < training_run._SAVING_FAILED
    # Exact in float32, whatever is added to it.
    assert np.float32(training_run._SAVING_FAILED) + np.float32(1) > np.float32(training_run._SAVING_FAILED)


@pytest.mark.parametrize(("kind", "code"), [("terminate", 143), ("interrupt", 130)])
def test_a_process_says_how_to_go_on_and_ends_with_the_signal_s_code(
    knobs: list[str], tmp_path: Path, kind: str, code: int
) -> None:
    driven = [DRIVERS / "trouble.py", kind, 0, 4, *knobs, "--run", "run"]
    finished = run(alone(*driven), tmp_path)
    name, steps = signal.Signals(code - 128).name, steps_taken(tmp_path / "run")
    assert finished.code == code
    assert finished.errors == [
        f"note: {name} has ended the run after {steps} steps, all of them saved; continue with the same command and "
        "--run run --train.resume true"
    ]
    assert steps >= 4
