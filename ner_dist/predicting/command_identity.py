"""What tells a command, with the model as it is now, from others that would write other outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator
from pathlib import Path

from ner_dist.engines.work_folder import fingerprint
from ner_dist.predicting.options import PredictOptions
from ner_dist.stores.addresses import Address
from ner_dist.stores.models import local_model, model_version


def command_of(options: PredictOptions) -> str:
    """The same as long as files become the same outputs, wherever they are tagged. Raises UserError."""
    model, checkpoint = options.run, options.reading.checkpoint
    version: Hashable = model_version(model, checkpoint) if isinstance(model, Address) else None
    given = dataclasses.asdict(dataclasses.replace(options, workers=1, engine="", worker_memory_gb=None))
    # Of a copy, the times of the files say nothing.
    files = _model_files(local_model(model, checkpoint), checkpoint) if version is None else []
    return fingerprint({**given, "version": version}, files, outlasts_restart=True)


def _model_files(directory: Path, checkpoint: str) -> Iterator[Path]:
    """Of a run those that prediction reads, of an export all; what else is in a run may change while it trains."""
    is_run = (directory / "checkpoints").is_dir()
    places = (directory / "checkpoints", directory / "checkpoints" / checkpoint) if is_run else (directory,)
    found = [path for place in places if place.is_dir() for path in place.iterdir() if path.is_file()]
    return (path for path in sorted(found) if not path.name.startswith("."))
