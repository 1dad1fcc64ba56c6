"""A run's checkpoint -> the directory of an exported model: network, description and runner, compared with MXNet's.

Axes: V words, D word units.
"""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import config as knobs
from ner_dist.errors import UserError
from ner_dist.exporting import compare
from ner_dist.exporting.compare import Difference
from ner_dist.exporting.directory import replaced, require_free
from ner_dist.prediction import export_format
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.export_format import MODEL_NAME, Description, ExportError
from ner_dist.prediction.mxnet_network import CheckpointNetwork
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.prediction.vocabularies import of_checkpoint
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.restore import trained

RUNNER_NAME = "runner.py"


class Exported(NamedTuple):
    """What was written: its origin (export_format.py), the size of its network, and how it differs from MXNet's."""

    origin: dict[str, Any]
    num_bytes: int
    # None if it was not compared.
    difference: Difference | None


def export(run: Path, name: str | None, directory: Path, compared: bool = True) -> Exported:
    """Write the directory, or nothing. Raises UserError for what cannot be exported, and for emissions that differ.

    name: of the checkpoint, best or last; None: the best of a run that is finished.
    """
    require_free(directory)
    place = run / "checkpoints" / (name or "best")
    saved = checkpoint.load(place)
    if name is None and not (run / "result.json").is_file():
        raise ExportError(
            f"{run}: the run is not finished; continue it with --train.resume true, or say which of its checkpoints "
            "to export (--checkpoint best)"
        )
    with replaced(directory) as partial:
        _write(partial, run, place, saved)
        difference = _require_equal(partial, place, saved) if compared else None
        return Exported(_origin(run, place, saved), (partial / MODEL_NAME).stat().st_size, difference)


def _write(directory: Path, run: Path, place: Path, saved: Checkpoint) -> None:
    """All three files. Only here is the whole network in memory, once for each who needs it."""
    try:
        import onnx

        from ner_dist.exporting import onnx_graph
    except ImportError as error:
        raise UserError("export needs onnx, which is not installed; pip install -e '.[export]'") from error
    found = checkpoint.find(place)
    vocabularies = of_checkpoint(found, saved.index, saved.config)
    # Refuses features that new text cannot have.
    Encoder(vocabularies)
    tagger, word_VD = trained(saved, found, "cpu")
    onnx.save(onnx_graph.network(saved.parameters(), word_VD, vocabularies), directory / MODEL_NAME)
    export_format.write(directory, Description(vocabularies, tagger.transition_scores(), _origin(run, place, saved)))
    shutil.copyfile(Path(__file__).with_name(RUNNER_NAME), directory / RUNNER_NAME)


def _origin(run: Path, place: Path, saved: Checkpoint) -> dict[str, Any]:
    progress = saved.progress
    # Only at the end of the epoch that was the best one is its F1 what the checkpoint remembers.
    is_best = progress.step == 0 and 0 < progress.epoch == progress.best_epoch + 1
    return {
        "run": str(run),
        "checkpoint": place.name,
        "epoch": progress.epoch,
        "steps": progress.total_steps,
        "dev_f1": progress.best_f1 if is_best else None,
        "shards": saved.index.fingerprint(),
        "versions": {**run_directory.versions(), "onnx": version("onnx")},
        "config": knobs.to_dict(saved.config),
    }


def _require_equal(exported: Path, place: Path, saved: Checkpoint) -> Difference:
    """Raises ExportError if the exported model's emissions are not those of the checkpoint at place."""
    mxnet, onnx = CheckpointNetwork(place, "cpu"), OnnxNetwork(exported)
    difference = compare.compare(mxnet, onnx, *compare.sample(saved, mxnet.vocabularies))
    if not difference.emission <= compare.MOST:
        raise ExportError(
            f"the exported model's emissions differ from MXNet's by {difference.emission:.1g} on {difference.sample}, "
            f"expected {compare.MOST:g} at most; --no-check writes it all the same"
        )
    return difference
