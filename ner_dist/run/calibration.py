"""calibration.json in a run's directory: the temperature by which the confidences of one checkpoint are calibrated."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from ner_dist.contract.calibration import Calibration
from ner_dist.foreign.errors import advising
from ner_dist.foreign.json_files import read_sealed, seal
from ner_dist.run import checkpoint, checkpoint_files
from ner_dist.run.changed_run import change_run
from ner_dist.run.checkpoint import CheckpointError

NAME = "calibration.json"

log = logging.getLogger("ner_dist.run")


@dataclasses.dataclass
class _Stored:
    # best or last, and the checksum of its arrays.
    checkpoint: str
    arrays_sha256: str
    calibration: Calibration


def write(place: Path, calibration: Calibration) -> Path:
    """Store it for the checkpoint at place, instead of any other of the run, and return where; see change_run.

    Raises UserError.
    """
    path = _path(place)
    if path is None:
        raise CheckpointError(f"{place}: a checkpoint outside of its run has no place for a calibration; name the run")
    stored = _Stored(place.name, _arrays_sha256(place), calibration)
    change_run(path, seal(dataclasses.asdict(stored)))
    return path


def read(place: Path) -> Calibration | None:
    """That of the checkpoint at place; None if there is none. Raises CheckpointError if the file is damaged.

    One of another checkpoint is not used, and a warning says so.
    """
    path = _path(place)
    if path is None or not path.is_file():
        return None
    with advising(CheckpointError, "delete it, and calibrate again (python -m ner_dist.evaluate RUN --calibrate)"):
        found = read_sealed(path, _Stored)
        found.calibration.check(path)
    if found.arrays_sha256 == _arrays_sha256(place):
        return found.calibration
    log.warning(
        "warning: %s is of another checkpoint (%s, as it was then) than %s, whose confidences are therefore not "
        "calibrated; calibrate it with python -m ner_dist.evaluate RUN --calibrate",
        path,
        found.checkpoint,
        place,
    )
    return None


def temperature(place: Path) -> float:
    """1 if there is no calibration of the checkpoint; see `read`."""
    found = read(place)
    return 1.0 if found is None else found.temperature


def remove(place: Path) -> Path | None:
    """Where one was, of whatever checkpoint of the run."""
    path = _path(place)
    if path is None or not path.exists():
        return None
    change_run(path, None)
    return path


def _path(place: Path) -> Path | None:
    """place: RUN/checkpoints/best or last; None for a checkpoint that lies elsewhere."""
    return place.parent.parent / NAME if place.parent.name == "checkpoints" else None


def _arrays_sha256(place: Path) -> str:
    return checkpoint_files.read_state(checkpoint.find(place)).arrays_sha256
