"""A run's checkpoint -> the directory of an export: network, description and runner, compared with MXNet."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ner_dist.atomic_file import whole_directory
from ner_dist.errors import UserError
from ner_dist.exporting import compare
from ner_dist.exporting.compare import Difference
from ner_dist.prediction import export_format
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.export_format import MODEL_NAME, ExportError
from ner_dist.prediction.identity import own_dev_f1, utc
from ner_dist.prediction.model_name import NAME_RULE, as_name, is_name
from ner_dist.prediction.mxnet_network import CheckpointNetwork
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.code_commit import code_commit

RUNNER_NAME = "runner.py"


def export(
    run: Path,
    name: str | None,
    directory: Path,
    compared: bool = True,
    model_name: str | None = None,
    model_version: str | None = None,
) -> tuple[dict[str, Any], int, Difference | None]:
    """Write the directory, or nothing. Raises UserError for what cannot be exported, and for emissions that differ.

    name: of the checkpoint, best or last; None: the best of a run that is finished. model_name, model_version: of the
    export; by default the directory's name, and the time.
    Returns the origin (docs/reference/export-format.md), the bytes of the network's file, and the difference from
    MXNet's emissions; None if they were not compared.
    """
    is_empty = directory.is_dir() and not any(directory.iterdir())
    if os.path.lexists(directory) and not is_empty and not export_format.is_export(directory):
        raise ExportError(f"{directory} exists and is not an export, so it is not overwritten; name another DIR")
    place = run / "checkpoints" / (name or "best")
    checkpoint.find(place)
    if name is None and not (run / "result.json").is_file():
        raise ExportError(
            f"{run}: the run is not finished; continue it with --train.resume true, or name the checkpoint to export "
            "(--checkpoint best)"
        )
    network = CheckpointNetwork(place, "cpu")
    origin = {**_origin(run, place, network.checkpoint), **_identity(directory, model_name, model_version)}
    try:
        # Resolved, because a name such as . or x/.. has no other beside it.
        with whole_directory(directory.resolve()) as partial:
            _write(partial, network, origin)
            difference = None
            if compared:
                sentences, sample = compare.sample_sentences(network.checkpoint, network.vocabularies)
                difference = compare.compare(network, OnnxNetwork(partial), sentences, sample)
                if not difference.emission <= compare.TOLERANCE:
                    raise ExportError(
                        f"the export's emissions differ from MXNet's by {difference.emission:.1g} on "
                        f"{difference.sample}, expected at most {compare.TOLERANCE:g}; --no-check writes it all the "
                        "same"
                    )
            return origin, (partial / MODEL_NAME).stat().st_size, difference
    except OSError as error:
        raise ExportError(f"{directory}: the export could not be written ({error.strerror or error})") from error


def _write(directory: Path, network: CheckpointNetwork, origin: dict[str, Any]) -> None:
    """Write all three files."""
    try:
        import onnx

        from ner_dist.exporting import onnx_graph
    except ImportError as error:
        raise UserError("export needs onnx, which is not installed; pip install 'ner-dist[train]'") from error
    vocabularies = network.vocabularies
    # Refuses features that new text cannot have.
    Encoder(vocabularies)
    taken = sorted({feature.name for feature in vocabularies.features} & export_format.RESERVED_NAMES)
    if taken:
        raise ExportError(
            f"the token feature {taken[0]} has the name of another input of the network; build the shards with another "
            "name (--feature), or train without it (--model.features)"
        )
    model = onnx_graph.network(network.checkpoint.parameters(), network.weight_VD, vocabularies)
    onnx.save(model, directory / MODEL_NAME)
    export_format.write(directory, vocabularies, network.transition_scores, origin)
    shutil.copyfile(Path(__file__).with_name(RUNNER_NAME), directory / RUNNER_NAME)


def _origin(run: Path, place: Path, saved: Checkpoint) -> dict[str, Any]:
    progress = saved.progress
    return {
        "run": str(run),
        "checkpoint": place.name,
        "epoch": progress.epoch,
        "steps": progress.total_steps,
        "dev_f1": own_dev_f1(progress),
        "shards": saved.index.fingerprint(),
        "versions": {**run_directory.versions(), "onnx": version("onnx")},
        "config": dataclasses.asdict(saved.config),
    }


def _identity(directory: Path, name: str | None, version: str | None) -> dict[str, Any]:
    """What tells this export from others. Raises ExportError for a name or version that it cannot have."""
    for option, given in (("--name", name), ("--version", version)):
        if given is not None and not is_name(given):
            raise ExportError(f"{option} {given}: expected {NAME_RULE}")
    created = utc(time.time())
    # Two exports of the same day have different versions.
    default = created.replace("-", "").replace(":", "")
    return {
        "name": name or as_name(directory.resolve().name),
        "version": version or default,
        "commit": code_commit(),
        "created": created,
    }
