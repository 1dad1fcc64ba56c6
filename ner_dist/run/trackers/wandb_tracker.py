"""Weights & Biases."""

from __future__ import annotations

import importlib
import os
import secrets
from pathlib import Path
from typing import Any


class WandbTracker:
    """A run at Weights & Biases, or with WANDB_MODE=offline in files in the run's directory."""

    def __init__(self, name: str, run_id: str | None, knobs: dict[str, Any], folder: Path) -> None:
        wandb: Any = importlib.import_module("wandb")

        self.id = run_id or secrets.token_hex(4)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ner-dist"),
            name=name,
            id=self.id,
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(folder)),
            config=knobs,
            # Some knobs may change when a run is continued.
            allow_val_change=True,
            # Standard output belongs to the user, and rank-0.log has what is printed.
            settings=wandb.Settings(console="off"),
        )

    def log(self, values: dict[str, float], steps: int) -> None:
        self._run.log(values, step=steps)

    def result(self, values: dict[str, float], texts: dict[str, str], steps: int) -> None:
        self._run.summary.update({**values, **texts})

    def finish(self, succeeded: bool) -> None:
        self._run.finish(exit_code=0 if succeeded else 1)
