"""Which model this is: a name and a version for people, a checksum for certainty, and where it came from.

No MXNet and no ONNX here.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from pathlib import Path

from ner_dist.contract.shard_format import read_stored_index
from ner_dist.foreign.json_files import SEAL, read_bytes
from ner_dist.prediction import export_format
from ner_dist.prediction.export_format import ReadExport
from ner_dist.prediction.model_name import as_name
from ner_dist.run import checkpoint, checkpoint_files
from ner_dist.run.progress import Progress
from ner_dist.run.run_records import read_result

# Of an export that was written before exports had one.
_FIRST_VERSION = "1"


@dataclasses.dataclass(frozen=True)
class ModelIdentity:
    name: str
    version: str
    # Of an export: of its tagger.json, which states that of the network. Of a run: of the checkpoint's state.json,
    # which states those of its other files.
    sha256: str
    # Of the code that trained the run or wrote the export; None if it is not known.
    commit: str | None
    # The fingerprint of the shards that it was trained on.
    data: str | None
    # Entity F1 on dev, 0 to 1; None unless the parameters are those of the best epoch.
    dev_f1: float | None
    # How it cuts texts, for example "rules (en)".
    tokenizer: str
    # When it was written: UTC, as in 2026-11-30T08:05:00Z.
    created: str | None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def read_identity(model: Path, checkpoint_name: str = "best") -> ModelIdentity:
    """Of an export, or of a run's checkpoint, best or last. Raises UserError if it is damaged or not there."""
    if (model / export_format.DESCRIPTION_NAME).is_file():
        return identity_of_export(model, export_format.read(model))
    return identity_of_run(model / "checkpoints" / checkpoint_name)


def identity_of_export(directory: Path, found: ReadExport) -> ModelIdentity:
    """directory: names an export that has no name itself. found: what export_format.read says of it."""
    origin = found.origin
    return ModelIdentity(
        name=origin.get("name") or as_name(directory.resolve().name),
        version=origin.get("version") or _FIRST_VERSION,
        sha256=found.sha256,
        commit=origin.get("commit"),
        data=origin.get("shards"),
        dev_f1=origin.get("dev_f1"),
        tokenizer=str(found.vocabularies.tokenizer),
        created=origin.get("created"),
    )


def identity_of_run(place: Path) -> ModelIdentity:
    """place: of the checkpoint, RUN/checkpoints/best or last. Raises UserError if its records are damaged."""
    directory = checkpoint.find(place)
    run = place.parent.parent
    state_path = directory / checkpoint_files.STATE
    progress = checkpoint_files.read_state(directory).progress
    index, _ = read_stored_index(directory)
    data, result = read_bytes(state_path), read_result(run / "result.json")
    commit = (result or {}).get("versions", {}).get("commit")
    tokenizer = index.tokenizer
    return ModelIdentity(
        name=as_name(run.resolve().name),
        version=version_of(progress),
        sha256=json.loads(data).get(SEAL) or hashlib.sha256(data).hexdigest(),
        commit=None if commit == "unknown" else commit,
        data=index.fingerprint(),
        dev_f1=own_dev_f1(progress),
        tokenizer=f"{tokenizer['name']} ({tokenizer['language']})" if tokenizer["language"] else tokenizer["name"],
        created=utc(state_path.stat().st_mtime),
    )


def own_dev_f1(progress: Progress) -> float | None:
    """The dev F1 of a checkpoint's own parameters, which it remembers only at the end of the best epoch."""
    is_best = progress.step == 0 and 0 < progress.epoch == progress.best_epoch + 1
    return progress.best_f1 if is_best else None


def version_of(progress: Progress) -> str:
    """Of a checkpoint: how far it is trained."""
    return f"step-{progress.total_steps}" if progress.step else f"epoch-{progress.epoch}"


def utc(time_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(time_s, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
