"""What a rank votes for: a checkpoint that could not be written ends the run with the next one that is due."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError
from ner_dist.run.progress import Progress
from ner_dist.run.run_lock import RunLock
from ner_dist.run.saver import Saver
from ner_dist.training.training_run import Run


def test_the_step_before_a_save_learns_whether_the_one_before_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_fail = threading.Event()

    def fail(*_: object) -> None:
        may_fail.wait(10)
        raise CheckpointError("no room")

    monkeypatch.setattr(checkpoint, "save", fail)
    lock = RunLock(tmp_path / "run")
    lock.acquire()
    saver = Saver(tmp_path / "run" / "checkpoints", {}, lock, 0, 4, 0.0)
    run = cast(Run, SimpleNamespace(saver=saver, comm=Solo()))
    saver.save(cast(Any, None))
    # Still being written: the steps go on.
    assert [Run.vote(run, Progress(total_steps=done)) for done in (4, 5, 6)] == [0, 0, 0]
    threading.Timer(0.05, may_fail.set).start()
    assert Run.vote(run, Progress(total_steps=7)) != 0
    lock.release()
