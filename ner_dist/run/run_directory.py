"""The files of a run that rank 0 writes for people and tools: its configuration and its result."""

from __future__ import annotations

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
from ner_dist.foreign.json_files import seal

_RESULT, _CONFIG = "result.json", "config.yaml"


def fresh_name(job: str) -> str:
    """The name of a directory under runs/ that does not exist yet."""
    name = f"runs/{job}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(free for i in range(1, 1000) if not Path(free := name + f"-{i}" * (i > 1)).exists())


def create(path: Path, config: Config, is_ours: bool = False) -> None:
    """Make the run's directory, or use that of a run to resume. Raises UserError if neither is possible.

    is_ours: whether this job has made it already.
    """
    if (path / _CONFIG).exists() and not (config.train.resume or is_ours):
        raise UserError(f"{path} already holds a run; continue it with --train.resume true, or choose another --run")
    try:
        (path / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{path}: the run's directory cannot be written ({error.strerror}); choose another --run"
        ) from error
    with whole_file(path / _CONFIG) as file:
        file.write(knobs.sealed_yaml(config))


def write_result(path: Path, result: dict[str, Any]) -> None:
    with whole_file(path / _RESULT) as file:
        file.write(seal(result))


def versions() -> dict[str, str]:
    """Versions of what the result depends on; "none" for Horovod where one process does without it."""
    found = {"ner_dist": __version__, "python": platform.python_version()}
    for name in ("mxnet", "horovod", "numpy", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
