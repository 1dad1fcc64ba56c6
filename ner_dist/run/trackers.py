"""Tells MLflow or Weights & Biases of a run, too: its knobs, its metrics, its result. Rank 0's; others have none.

A tracker that fails while training goes on is told of once in the log; it never stops or delays training.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from ner_dist.atomic_file import whole_file
from ner_dist.errors import UserError

log = logging.getLogger("ner_dist")

# The ids of a run at its trackers, by which it is continued there.
IDS_NAME = "trackers.json"
PROJECT = "ner-dist"
# How long the end of a run waits for what has not been sent; less than entry gives an interrupted rank.
_LAST_WORDS_S, _LAST_WORDS_INTERRUPTED_S = 60.0, 2.0
# MLflow's limits: values of a batch, characters of a text, characters of a metric's name.
_MAX_BATCH, _MAX_TEXT = 100, 500
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


class Mlflow:
    """A run at an MLflow server, or in its files: where MLFLOW_TRACKING_URI says."""

    def __init__(self, name: str, run_id: str | None, knobs: dict[str, Any], folder: Path) -> None:
        mlflow: Any = importlib.import_module("mlflow")

        # The client and not the module's functions: they would keep a run that others may change.
        self._client, self._entities = mlflow.MlflowClient(), mlflow.entities
        if run_id is not None:
            self.id = run_id
            self._client.update_run(self.id, status="RUNNING")
            return
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(experiment)
        experiment_id = known.experiment_id if known else self._client.create_experiment(experiment)
        self.id = self._client.create_run(experiment_id, run_name=name).info.run_id
        params = [self._entities.Param(knob, str(value)[:_MAX_TEXT]) for knob, value in knobs.items()]
        for begin in range(0, len(params), _MAX_BATCH):
            self._client.log_batch(self.id, params=params[begin : begin + _MAX_BATCH])

    def log(self, values: dict[str, float], steps: int) -> None:
        now_ms = int(1000 * time.time())
        metrics = [
            self._entities.Metric(_FORBIDDEN.sub("_", name), value, now_ms, steps) for name, value in values.items()
        ]
        for begin in range(0, len(metrics), _MAX_BATCH):
            self._client.log_batch(self.id, metrics=metrics[begin : begin + _MAX_BATCH])

    def result(self, values: dict[str, float], texts: dict[str, str], steps: int) -> None:
        self.log(values, steps)
        tags = [self._entities.RunTag(_FORBIDDEN.sub("_", name), text) for name, text in texts.items()]
        self._client.log_batch(self.id, tags=tags)

    def finish(self, succeeded: bool) -> None:
        self._client.set_terminated(self.id, "FINISHED" if succeeded else "FAILED")


class Wandb:
    """A run at Weights & Biases, or with WANDB_MODE=offline in files beside the run's own."""

    def __init__(self, name: str, run_id: str | None, knobs: dict[str, Any], folder: Path) -> None:
        wandb: Any = importlib.import_module("wandb")

        self.id = run_id or secrets.token_hex(4)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=name,
            id=self.id,
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(folder)),
            config=knobs,
            # Knobs that may change when a run is continued.
            allow_val_change=True,
            # What is printed is the user's; rank-0.log has it.
            settings=wandb.Settings(console="off"),
        )

    def log(self, values: dict[str, float], steps: int) -> None:
        self._run.log(values, step=steps)

    def result(self, values: dict[str, float], texts: dict[str, str], steps: int) -> None:
        self._run.summary.update({**values, **texts})

    def finish(self, succeeded: bool) -> None:
        self._run.finish(exit_code=0 if succeeded else 1)


TRACKERS: dict[str, Callable[[str, str | None, dict[str, Any], Path], Mlflow | Wandb]] = {
    "mlflow": Mlflow,
    "wandb": Wandb,
}


def require_packages(names: Sequence[str]) -> None:
    """Raise UserError unless the packages of these trackers are here."""
    for name in names:
        try:
            importlib.import_module(name)
        # An import of much code by others may fail in any way.
        except Exception as error:
            raise UserError(
                f"--train.track {name} needs the package {name}, which cannot be imported ({error}); "
                f"pip install 'ner-dist[track]', or leave {name} out of train.track"
            ) from error


class _Sender:
    """One tracker on a thread of its own, so that a slow or dead network delays nothing."""

    def __init__(self, name: str, tracker: Mlflow | Wandb) -> None:
        self.name, self.tracker = name, tracker
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._failed = False
        self._thread = threading.Thread(target=self._send, name=name, daemon=True)
        self._thread.start()

    def put(self, action: Callable[[], None]) -> None:
        self._waiting.put(action)

    def _send(self) -> None:
        while (action := self._waiting.get()) is not None:
            try:
                action()
            except Exception as error:
                if not self._failed:
                    log.warning("%s failed (%s: %s); training goes on", self.name, type(error).__name__, error)
                self._failed = True

    def end(self, seconds: float) -> None:
        self._waiting.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("%s did not take all within %.0f s; the run ends without it", self.name, seconds)


class Trackers:
    """The trackers of a run; as a context, they learn how it ended. Without names or begin() it does nothing."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names, self._folder = list(dict.fromkeys(names)), folder
        self._senders: list[_Sender] = []

    def begin(self, knobs: dict[str, Any]) -> None:
        """Begin a run at each tracker, or go on with the one whose id is in the run's directory.

        Raises UserError if a new one cannot be begun; one to go on with is only told of in the log.
        """
        path = self._folder / IDS_NAME
        ids = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for name in self._names:
            try:
                tracker = TRACKERS[name](self._folder.name, ids.get(name), knobs, self._folder)
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                if name not in ids:
                    raise UserError(
                        f"--train.track {name}: no run could be begun there ({reason}); mend it, or leave {name} out"
                    ) from error
                log.warning("%s: its run %s could not be continued (%s); training goes on", name, ids[name], reason)
                continue
            ids[name] = tracker.id
            with whole_file(path) as file:
                file.write(json.dumps(ids) + "\n")
            self._senders.append(_Sender(name, tracker))

    def log(self, kind: str, steps: int, values: dict[str, Any]) -> None:
        """What a line of metrics.jsonl says, named as in TensorBoard's events."""
        numbers = {f"{kind}/{name}": value for name, value in values.items() if isinstance(value, (int, float))}
        for sender in self._senders:
            sender.put(lambda tracker=sender.tracker: tracker.log(numbers, steps))  # type: ignore[misc]

    def result(self, result: dict[str, Any], steps: int) -> None:
        """What result.json says, but for the confusion of types."""
        numbers, texts = _leaves(result, "result")
        for sender in self._senders:
            sender.put(lambda tracker=sender.tracker: tracker.result(numbers, texts, steps))  # type: ignore[misc]

    def __enter__(self) -> Trackers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sender in self._senders:
            sender.put(lambda tracker=sender.tracker: tracker.finish(error is None))  # type: ignore[misc]
        for sender in self._senders:
            sender.end(_LAST_WORDS_INTERRUPTED_S if isinstance(error, KeyboardInterrupt) else _LAST_WORDS_S)


def _leaves(tree: dict[str, Any], path: str) -> tuple[dict[str, float], dict[str, str]]:
    """Numbers and texts of nested mappings by their paths."""
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and name != "confusion":
            more_numbers, more_texts = _leaves(value, f"{path}/{name}")
            numbers.update(more_numbers)
            texts.update(more_texts)
        elif isinstance(value, (int, float)):
            numbers[f"{path}/{name}"] = value
        elif isinstance(value, str):
            texts[f"{path}/{name}"] = value
    return numbers, texts
