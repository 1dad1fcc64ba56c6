"""The files of a run that rank 0 writes for people and tools: configuration, metrics, TensorBoard events, result."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ner_dist import __version__
from ner_dist import config as knobs
from ner_dist.atomic_file import whole_file
from ner_dist.config import Config
from ner_dist.errors import UserError

_METRICS, _RESULT, _CONFIG = "metrics.jsonl", "result.json", "config.yaml"


def fresh_name(job: str) -> str:
    """The name of a directory under runs/ that does not exist yet."""
    name = f"runs/{job}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(free for i in range(1, 1000) if not Path(free := name + f"-{i}" * (i > 1)).exists())


def create(path: Path, config: Config) -> None:
    """Make the run's directory, or use that of a run to resume. Raises UserError if neither is possible."""
    if (path / _CONFIG).exists() and not config.train.resume:
        raise UserError(f"{path} already holds a run; continue it with --train.resume true, or choose another --run")
    try:
        (path / "checkpoints").mkdir(parents=True, exist_ok=True)
        (path / _CONFIG).write_text(knobs.to_yaml(config), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path}: the run's directory cannot be written ({error.strerror}); choose another --run"
        ) from error


class Recorder:
    """Writes metrics as JSON lines and TensorBoard points. Rank 0 alone has one."""

    def __init__(self, path: Path, total_steps: int) -> None:
        """total_steps: steps done so far; lines of later steps, which a resumed run repeats, are removed."""
        self._path = path / _METRICS
        kept = []
        if self._path.exists():
            kept = [line for line in self._path.read_text().splitlines() if _steps(line) <= total_steps]
        with whole_file(self._path) as file:
            file.writelines(line + "\n" for line in kept)
        # Late: predicting and exporting, which read this module, do without it.
        from tensorboardX import SummaryWriter

        # TensorBoard hides the points of this step and of later ones, like the lines removed above.
        self._events = SummaryWriter(str(path / "events"), purge_step=total_steps + 1)

    def write(self, kind: str, steps: int, values: dict[str, Any]) -> None:
        """kind: "steps" or "epoch"; steps: how many steps were done."""
        with self._path.open("a") as file:
            file.write(json.dumps({"kind": kind, "steps": steps, **values}) + "\n")
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._events.add_scalar(f"{kind}/{name}", value, steps)
        self._events.flush()

    def close(self) -> None:
        self._events.close()


def _steps(line: str) -> float:
    """The step count of a line of metrics; infinite for a line that was cut off when its writer died."""
    try:
        return int(json.loads(line)["steps"])
    except ValueError:
        return float("inf")


def write_result(path: Path, result: dict[str, Any]) -> None:
    with whole_file(path / _RESULT) as file:
        file.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def versions() -> dict[str, str]:
    """Versions of what the result depends on; "none" for Horovod where one process does without it."""
    found = {"ner_dist": __version__, "python": platform.python_version()}
    for name in ("mxnet", "horovod", "numpy", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
