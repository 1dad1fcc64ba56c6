"""Random faults at random moments: a training that comes back equals one that was left alone, or says truly why not.

FAULTS_SCHEDULES is their number, FAULTS_FIRST the first seed and FAULTS_MODES the ways of starting to draw from.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults import faulty_disk, report, schedules
from faults.driver import Performance, Training
from faults.schedules import Schedule

pytestmark = [pytest.mark.faults, pytest.mark.ranks]

_FIRST, _NUMBER = int(os.environ.get("FAULTS_FIRST", "1")), int(os.environ.get("FAULTS_SCHEDULES", "200"))
_MODES = tuple(os.environ.get("FAULTS_MODES", "plain,supervised,elastic").split(","))


@pytest.mark.parametrize("schedule", [schedules.draw(_FIRST + i, _MODES) for i in range(_NUMBER)], ids=str)
def test_a_troubled_training_ends_as_an_untroubled_one(schedule: Schedule, training: Training, tmp_path: Path) -> None:
    with faulty_disk.made(tmp_path / "disk") as disk:
        outcome = Performance(schedule, training, tmp_path, disk).perform()
    report.keep(outcome)
    assert outcome.deviations == []
