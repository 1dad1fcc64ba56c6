"""The trackers by the name that train.track gives them, which is also that of the package they need.

To add one: a file with a class that has the methods of Tracker, a row here, and its name in config.TrackerName.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ner_dist.errors import UserError
from ner_dist.run.trackers.mlflow_tracker import MlflowTracker
from ner_dist.run.trackers.wandb_tracker import WandbTracker


class Tracker(Protocol):
    """A run at a tracker; constructed from a name, the id of a run to continue, the knobs and the run's directory."""

    id: str

    def log(self, values: dict[str, float], steps: int) -> None: ...

    def result(self, values: dict[str, float], texts: dict[str, str], steps: int) -> None: ...

    def finish(self, succeeded: bool) -> None: ...


TRACKERS: dict[str, Callable[[str, str | None, dict[str, Any], Path], Tracker]] = {
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


def require_packages(names: Sequence[str]) -> None:
    """Raise UserError unless the packages of these trackers can be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        # Importing so much foreign code may fail in any way.
        except Exception as error:
            raise UserError(
                f"--train.track {name} needs the package {name}, which cannot be imported ({error}); "
                f"pip install 'ner-dist[track]', or leave {name} out of train.track"
            ) from error
