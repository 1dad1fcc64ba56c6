"""A run's checkpoint -> the directory of an export: network, description, runner and card; compared with MXNet."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ner_dist.atomic_file import whole_directory
from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError
from ner_dist.exporting import compare
from ner_dist.exporting.compare import Difference
from ner_dist.exporting.dev_split import DevSplit
from ner_dist.exporting.model_card import CARD_NAME, CardSettings, model_card
from ner_dist.prediction import export_format
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.example_sentences import example_sentences
from ner_dist.prediction.export_format import MODEL_NAME, ExportError
from ner_dist.prediction.export_schema import Quantisation
from ner_dist.prediction.identity import identity_of_export, own_dev_f1, utc
from ner_dist.prediction.model_name import NAME_RULE, as_name, is_name
from ner_dist.prediction.mxnet_network import CheckpointNetwork
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.code_commit import code_commit
from ner_dist.run.run_records import read_result

if TYPE_CHECKING:
    from ner_dist.exporting.onnx_graph import Storage

RUNNER_NAME = "runner.py"


class Exported(NamedTuple):
    """What was written."""

    # docs/reference/export-format.md
    origin: dict[str, Any]
    # Of the network's file.
    num_bytes: int
    # From MXNet's emissions; None if they were not compared.
    difference: Difference | None
    # None unless it should be small or fast.
    quantisation: Quantisation | None


def export(
    run: Path,
    name: str | None,
    directory: Path,
    compared: bool = True,
    model_name: str | None = None,
    model_version: str | None = None,
    *,
    small: bool = False,
    fast: bool = False,
    examples: bool = True,
    card: CardSettings | None = None,
    named: str = "",
) -> Exported:
    """Write the directory, or nothing. Raises UserError for what cannot be exported, and for emissions that differ.

    name: of the checkpoint, best or last; None: the best of a run that is finished. model_name, model_version: of the
    export; by default the directory's name, and the time. small: in fewer bytes, fast: with an LSTM that multiplies in
    8 bits, both as far as dev allows. examples: with some sentences of dev. named: what the run is called, if not by
    its directory.
    """
    place = _require_exportable(run, name, directory)
    network = CheckpointNetwork(place, "cpu")
    saved = network.checkpoint
    origin = {**_origin(named or str(run), place, saved), **_identity(directory, model_name, model_version)}
    if examples:
        origin["examples"] = example_sentences(saved)
    # Before the network is written, which takes longer.
    dev = _open_dev(saved) if small or fast else None
    try:
        # Resolved, because a name such as . or x/.. has no other beside it.
        with whole_directory(directory.resolve()) as partial:
            _write(partial, network, origin)
            difference = _compare(partial, network) if compared else None
            quantisation = None if dev is None else _shrink(partial, network, origin, dev, small, fast)
            _write_card(partial, saved, run, quantisation, card or CardSettings())
            return Exported(origin, (partial / MODEL_NAME).stat().st_size, difference, quantisation)
    except OSError as error:
        raise ExportError(f"{directory}: the export could not be written ({error.strerror or error})") from error


def _require_exportable(run: Path, name: str | None, directory: Path) -> Path:
    """The place of the checkpoint. Raises UserError if it cannot be exported there."""
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
    return place


def _open_dev(saved: Checkpoint) -> DevSplit:
    try:
        return DevSplit(saved)
    except UserError as error:
        raise ExportError(f"--small and --fast measure on dev what they lose, but {error}") from error


def _compare(directory: Path, network: CheckpointNetwork) -> Difference:
    """Raises ExportError if the export computes something else than MXNet."""
    sentences, sample = compare.sample_sentences(network.checkpoint, network.vocabularies)
    difference = compare.compare(network, OnnxNetwork(directory), sentences, sample)
    if not difference.emission <= compare.TOLERANCE:
        raise ExportError(
            f"the export's emissions differ from MXNet's by {difference.emission:.1g} on {difference.sample}, expected "
            f"at most {compare.TOLERANCE:g}; --no-check writes it all the same"
        )
    return difference


def _shrink(
    directory: Path, network: CheckpointNetwork, origin: dict[str, Any], dev: DevSplit, small: bool, fast: bool
) -> Quantisation:
    # Late, like onnx_graph.
    from ner_dist.exporting.shrink import shrink

    write = functools.partial(_write_description_and_network, network=network, origin=origin)
    storage, quantisation = shrink(directory, dev, write, small, fast)
    write(directory, storage, quantisation=quantisation)
    return quantisation


def _write(directory: Path, network: CheckpointNetwork, origin: dict[str, Any]) -> None:
    """Write all but the card."""
    try:
        import onnx  # noqa: F401

        from ner_dist.exporting.onnx_graph import FULL
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
    _write_description_and_network(directory, FULL, network=network, origin=origin)
    shutil.copyfile(Path(__file__).with_name(RUNNER_NAME), directory / RUNNER_NAME)


def _write_description_and_network(
    directory: Path,
    storage: Storage,
    *,
    network: CheckpointNetwork,
    origin: dict[str, Any],
    quantisation: Quantisation | None = None,
) -> None:
    import onnx

    from ner_dist.exporting import onnx_graph

    vocabularies = network.vocabularies
    model = onnx_graph.network(network.checkpoint.parameters(), network.weight_VD, vocabularies, storage)
    onnx.save(model, directory / MODEL_NAME)
    if storage.lstm == onnx_graph.ARITHMETIC:
        from ner_dist.exporting.lstm_arithmetic import to_8_bit_arithmetic

        to_8_bit_arithmetic(directory / MODEL_NAME)
    export_format.write(directory, vocabularies, network.transition_scores, origin, quantisation, network.calibration)


def _write_card(
    directory: Path, saved: Checkpoint, run: Path, quantisation: Quantisation | None, card: CardSettings
) -> None:
    found = export_format.read(directory)
    identity = identity_of_export(directory, found)
    result, progress = read_result(run / "result.json"), saved.progress
    if result is not None and (result["best_epoch"], 0) != (progress.epoch, progress.step):
        # It is about other parameters.
        result = None
    text = model_card(identity, found, file_sha256(directory / MODEL_NAME), saved.index, result, quantisation, card)
    (directory / CARD_NAME).write_text(text, encoding="utf-8")


def _origin(run: str, place: Path, saved: Checkpoint) -> dict[str, Any]:
    progress = saved.progress
    return {
        "run": run,
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
