"""tagger.json: all of an exported tagger but its network, which lies beside it in model.onnx; no MXNet, no ONNX here.

docs/reference/export-format.md describes its fields.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.calibration import Calibration
from ner_dist.contract.export_record import AGAIN, FORMAT, VERSION, read_record
from ner_dist.contract.export_record import DESCRIPTION_NAME as DESCRIPTION_NAME
from ner_dist.contract.export_record import ExportError as ExportError
from ner_dist.contract.export_record import is_export as is_export
from ner_dist.contract.shard_format import ListedFile, file_sha256
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import checked, seal
from ner_dist.foreign.names import require_inside, shortened
from ner_dist.model.crf import TransitionScores
from ner_dist.prediction.export_schema import Description, Quantisation, check_description
from ner_dist.stores.changed_file import replace_text

MODEL_NAME = "model.onnx"
FORBIDDEN = -1e30


class TensorSpec(NamedTuple):
    """An input or the output of the network."""

    type: str
    axes: Sequence[str]
    meaning: str


class ReadExport(NamedTuple):
    """What the description of an export says."""

    vocabularies: Vocabularies
    # FORBIDDEN where BILOU does not allow a tag or transition.
    transition_scores: TransitionScores
    # docs/reference/export-format.md
    origin: dict[str, Any]
    # Its own checksum, which covers that of the network.
    sha256: str
    # None: confidences are as the network has them.
    calibration: Calibration | None


WORD, SPELLING, CHAR, LENGTH, EMISSION = "word", "form", "char", "length", "emission"
_TENSORS = {
    WORD: TensorSpec("int64", "TB", "id of the word, by vocabularies.words"),
    SPELLING: TensorSpec("int64", "TB", "which row of char holds the token's characters"),
    CHAR: TensorSpec("int64", "NC", "ids of a token's characters, by vocabularies.characters, between zeros"),
    LENGTH: TensorSpec("int32", "B", "tokens of the sentence, 1 or more"),
    EMISSION: TensorSpec("float32", "TBK", "score of each tag at each token"),
}
# No token feature can have these.
RESERVED_NAMES = frozenset(_TENSORS)


def tensor_spec(name: str) -> TensorSpec:
    """The input or output of this name; any name that is not listed above is a token feature."""
    return _TENSORS.get(name) or TensorSpec("int64", "TB", f"id of the token feature {name}, by vocabularies.features")


def input_names(vocabularies: Vocabularies) -> list[str]:
    """The inputs of every network, including one that ignores characters, and an input for each feature."""
    return [WORD, SPELLING, CHAR, *(feature.name for feature in vocabularies.features), LENGTH]


def write(
    directory: Path,
    vocabularies: Vocabularies,
    transition_scores: TransitionScores,
    origin: dict[str, Any],
    quantisation: Quantisation | None = None,
    calibration: Calibration | None = None,
) -> None:
    """Write tagger.json beside the network, which must be there."""
    model = directory / MODEL_NAME
    allowed = (np.asarray(values, np.float64) for values in transition_scores.allowed())
    start, transition, end = (np.maximum(values, FORBIDDEN).tolist() for values in allowed)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "model": {"path": MODEL_NAME, "num_bytes": model.stat().st_size, "sha256": file_sha256(model)},
        "inputs": {name: tensor_spec(name)._asdict() for name in input_names(vocabularies)},
        "output": {EMISSION: tensor_spec(EMISSION)._asdict()},
        "tags": bilou_tags(vocabularies.entity_types),
        "scores": {"start": start, "transition": transition, "end": end, "forbidden": FORBIDDEN},
        "vocabularies": dataclasses.asdict(vocabularies),
        "origin": origin,
    }
    if quantisation is not None:
        record["quantisation"] = dataclasses.asdict(quantisation)
    if calibration is not None:
        record["calibration"] = dataclasses.asdict(calibration)
    (directory / DESCRIPTION_NAME).write_text(seal(record, indent=None), encoding="utf-8")


def read(directory: Path) -> ReadExport:
    """Read and verify both files of an export. Raises ExportError naming what is wrong."""
    return read_with_network(directory)[0]


def read_with_network(directory: Path) -> tuple[ReadExport, bytes]:
    """The same, and the network's file, which is large, so that it is not read twice."""
    record = read_record(directory)
    with advising(ExportError, f"the file is damaged: {AGAIN}"):
        found = checked(record.fields, record.path, Description)
        check_description(found, record.path)
        names = (found.model.path, *sorted(found.inputs), *found.output)
        if names != (MODEL_NAME, *sorted(input_names(found.vocabularies)), EMISSION):
            raise ForeignFileError(
                f"{record.path}: model, inputs or output have other names than its vocabularies ask for"
            )
    network = _read_network(directory, found.model)
    origin = record.fields["origin"]
    scores = found.scores.as_arrays()
    return ReadExport(found.vocabularies, scores, origin, record.sha256, found.calibration), network


def set_calibration(directory: Path, calibration: Calibration | None) -> None:
    """Write tagger.json anew with this calibration, or without one, in the latest version. Raises UserError.

    directory: may be the mirror of an export in a store, which is then published.
    """
    record = read_record(directory)
    fields = {name: value for name, value in record.fields.items() if name != "calibration"}
    if calibration is not None:
        fields["calibration"] = dataclasses.asdict(calibration)
    replace_text(record.path, seal({"format": FORMAT, "version": VERSION, **fields}, indent=None))


def _read_network(directory: Path, entry: ListedFile) -> bytes:
    model = directory / MODEL_NAME
    stated = f"{DESCRIPTION_NAME} has"
    try:
        require_inside(directory, model)
        if (num_bytes := model.stat().st_size) != entry.num_bytes:
            raise ExportError(
                f"{model}: {num_bytes:,} bytes, {stated} {entry.num_bytes:,}; the export is damaged: {AGAIN}"
            )
        content = model.read_bytes()
    except OSError as error:
        raise ExportError(f"{model}: not readable ({error.strerror}); the export is damaged: {AGAIN}") from error
    except ForeignFileError as error:
        raise ExportError(f"{error}; {AGAIN}") from error
    if (sha256 := hashlib.sha256(content).hexdigest()) != entry.sha256:
        raise ExportError(
            f"{model}: checksum {sha256[:12]}..., {stated} {shortened(entry.sha256[:12])[1:-1]}...; the export is "
            f"damaged: {AGAIN}"
        )
    return content
