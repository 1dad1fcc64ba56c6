"""MLflow."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# MLflow's limits: values in a batch, characters of a text, characters that names must not contain.
_MAX_BATCH, _MAX_TEXT = 100, 500
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


class MlflowTracker:
    """A run at the MLflow server, or in the files, that MLFLOW_TRACKING_URI names."""

    def __init__(self, name: str, run_id: str | None, knobs: dict[str, Any], folder: Path) -> None:
        mlflow: Any = importlib.import_module("mlflow")

        # The client, because the module's functions share one active run with everybody.
        self._client, self._entities = mlflow.MlflowClient(), mlflow.entities
        if run_id is not None:
            self.id = run_id
            self._client.update_run(self.id, status="RUNNING")
            return
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ner-dist")
        known = self._client.get_experiment_by_name(experiment)
        experiment_id = known.experiment_id if known else self._client.create_experiment(experiment)
        self.id = self._client.create_run(experiment_id, run_name=name).info.run_id
        self._send("params", knobs, lambda knob, value: self._entities.Param(knob, str(value)[:_MAX_TEXT]))

    def log(self, values: dict[str, float], steps: int) -> None:
        now_ms = int(1000 * time.time())
        self._send("metrics", values, lambda name, value: self._entities.Metric(name, value, now_ms, steps))

    def result(self, values: dict[str, float], texts: dict[str, str], steps: int) -> None:
        self.log(values, steps)
        self._send("tags", texts, self._entities.RunTag)

    def _send(self, kind: str, values: dict[str, Any], entity: Callable[[str, Any], Any]) -> None:
        made = [entity(_FORBIDDEN.sub("_", name), value) for name, value in values.items()]
        for begin in range(0, len(made), _MAX_BATCH):
            self._client.log_batch(self.id, **{kind: made[begin : begin + _MAX_BATCH]})

    def finish(self, succeeded: bool) -> None:
        self._client.set_terminated(self.id, "FINISHED" if succeeded else "FAILED")
