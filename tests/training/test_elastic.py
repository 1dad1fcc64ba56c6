"""Ranks that are lost and gained while they train: no sentence is lost or used twice, and the result is the same."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_ranks import ElasticThreads, Loss, Offer

from ner_dist import config
from ner_dist.ranks.comm import Comm, Solo
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import CheckpointError
from ner_dist.run.progress import Progress
from ner_dist.training.elastic import require_best

# What depends on the clock or, with the shapes of batches, on the number of ranks.
_DIFFERENT = ("padding", "tokens_per_second", "trained_seconds", "scoring_seconds")


def trained(run: Path, knobs: list[str], comm: Comm) -> Any:
    from ner_dist.training.loop import train

    settings, job = config.parse([*knobs, "--run", str(run)])
    return train(settings, job, comm, show_progress=False)


@pytest.fixture(scope="module")
def knobs(synth_shards: Path, tiny_knobs: list[str], tiny_run: Path) -> list[str]:
    values = {
        "data.shards": synth_shards,
        # Read at the start alone, whatever happens to the ranks.
        "train.begin_from": tiny_run,
        "optimizer.learning_rate": 0.05,
        "train.epochs": 2,
        "train.batch_sentences": 40,
        "train.log_steps": 1,
        "train.checkpoint_steps": 3,
        # Averaged weights are a state that is not that of the network.
        "train.average": 0.9,
        "train.hang_seconds": 0,
        "train.device": "cpu",
    }
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


@pytest.fixture(scope="module")
def undisturbed(knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    trained(run, knobs, Solo())
    return run


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same(run: Path, expected: Path) -> None:
    """But for the rounding of sums of other numbers of ranks."""
    assert [(line["kind"], line["steps"]) for line in lines(run)] == [
        (line["kind"], line["steps"]) for line in lines(expected)
    ]
    for one, other in zip(lines(run), lines(expected)):
        # The loss of each step tells which sentences were in it.
        names = [name for name in other if name not in ("kind", *_DIFFERENT)]
        assert [one[name] for name in names] == pytest.approx([other[name] for name in names], rel=1e-2), other
    for name in ("last", "best"):
        found, wanted = (checkpoint.load(path / "checkpoints" / name) for path in (run, expected))
        for field, array in wanted.arrays.items():
            np.testing.assert_allclose(found.arrays[field], array, rtol=1e-2, atol=2e-4, err_msg=field)
        for field in ("epoch", "total_steps", "trained_tokens", "best_epoch"):
            assert getattr(found.progress, field) == getattr(wanted.progress, field)
    results = [json.loads((path / "result.json").read_text()) for path in (run, expected)]
    assert results[0]["test"] == results[1]["test"]


def test_ranks_lost_and_gained_leave_the_result_as_it_is(knobs: list[str], undisturbed: Path, tmp_path: Path) -> None:
    job = ElasticThreads(
        3,
        1,
        [
            # Nobody has the sum, then rank 1 alone has not, and then rank 0 goes, whose exchange succeeded for others.
            Loss(2, 25, before=True),
            Offer(0, 30, 2),
            Loss(0, 45, fails_for=(1,)),
            Offer(1, 50, 3),
        ],
    )
    assert job.run(lambda comm: trained(tmp_path / "run", knobs, comm)) is not None
    assert job.sizes[0] == 3
    assert len(job.sizes) > 3
    assert_same(tmp_path / "run", undisturbed)


@pytest.mark.parametrize(("keep", "least"), [("best", 1), ("last", 3)])
def test_a_best_checkpoint_from_before_the_best_epoch_is_refused(
    keep: str, least: int, tiny_run: Path, tmp_path: Path
) -> None:
    found = checkpoint.load(tiny_run / "checkpoints" / "best").progress.epoch
    require_best(tmp_path, keep, Progress())
    require_best(tiny_run, keep, Progress(epoch=found, best_epoch=found - 1))
    message = f"checkpoints/best: is of epoch {found}, and that of epoch {found + least} was lost with the host of rank"
    with pytest.raises(CheckpointError, match=message):
        require_best(tiny_run, keep, Progress(epoch=found + 3, best_epoch=found))
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        require_best(tmp_path, keep, Progress(epoch=1, best_epoch=0))


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(100))
def test_ranks_come_and_go_at_random(seed: int, knobs: list[str], undisturbed: Path, tmp_path: Path) -> None:
    """At every exchange there is: of the start, of steps, scores, checkpoints, the end, and of earlier changes."""
    rng = random.Random(seed)
    slots = rng.randint(2, 4)
    events: list[Loss | Offer] = []
    for member in rng.sample(range(8), rng.randint(1, 4)):
        others = tuple(other for other in range(8) if rng.random() < 0.4)
        events.append(Loss(member, rng.randint(1, 110), others, rng.random() < 0.5))
    events += [Offer(rng.randrange(4), rng.randint(1, 110), rng.randint(1, 4)) for _ in range(rng.randint(0, 3))]
    job = ElasticThreads(slots, 1, events)
    result = job.run(lambda comm: trained(tmp_path / "run", knobs, comm))
    if result is None:
        # All that knew anything are gone, rank 0 before it could write the result. Whoever restarts it finds the rest.
        job = ElasticThreads(slots, 1, [])
        result = job.run(lambda comm: trained(tmp_path / "run", [*knobs, "--train.resume", "true"], comm))
    assert_same(tmp_path / "run", undisturbed)
