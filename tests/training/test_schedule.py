"""The learning rate of each step: the course that the knobs describe."""

from __future__ import annotations

from typing import Any

import pytest

from ner_dist.config import Config, Optimizer, Train
from ner_dist.training.optimizer import learning_rate

STEPS = 10


def rate(epoch: int, step: int = 0, reductions: int = 0, **knobs: Any) -> float:
    config = Config(optimizer=Optimizer(learning_rate=0.5, **knobs), train=Train(epochs=4))
    return learning_rate(config, epoch, step, STEPS, reductions)


def test_by_default_it_stays() -> None:
    assert {rate(epoch, step) for epoch in range(4) for step in range(STEPS)} == {0.5}


def test_inverse_falls_from_epoch_to_epoch() -> None:
    assert [rate(epoch, 3, decay=0.25) for epoch in (0, 1, 4)] == [0.5, 0.4, 0.25]


def test_cosine_falls_with_every_step_from_the_whole_to_nearly_nothing() -> None:
    course = [rate(epoch, step, schedule="cosine") for epoch in range(4) for step in range(STEPS)]
    assert course == sorted(course, reverse=True)
    assert len(set(course)) == 4 * STEPS
    assert course[0] == 0.5
    # Half of the way, half of the rate.
    assert course[2 * STEPS] == pytest.approx(0.25)
    assert 0 < course[-1] < 0.001


def test_plateau_falls_with_every_reduction() -> None:
    assert [rate(2, 5, reductions, schedule="plateau", plateau_factor=0.1) for reductions in (0, 1, 2)] == [
        pytest.approx(0.5 * 0.1**reductions) for reductions in (0, 1, 2)
    ]
    assert rate(2, 5, 3) == 0.5


@pytest.mark.parametrize("schedule", ["inverse", "cosine", "plateau"])
def test_warm_up_rises_step_by_step_over_epochs_to_the_schedule(schedule: str) -> None:
    course = [
        (rate(epoch, step, schedule=schedule, warmup_steps=15), rate(epoch, step, schedule=schedule))
        for epoch in range(2)
        for step in range(STEPS)
    ]
    for i, (warm, full) in enumerate(course):
        assert warm == pytest.approx(full * min(1, (i + 1) / 15))
