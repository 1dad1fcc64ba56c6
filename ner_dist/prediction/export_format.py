"""tagger.json: all of an exported tagger but its network, which lies beside it in model.onnx; no MXNet, no ONNX here.

docs/reference/export-format.md describes its fields.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.shard_format import file_sha256
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.tokenizers import choose
from ner_dist.errors import UserError
from ner_dist.model.crf import TransitionScores, zero_transition_scores
from ner_dist.prediction.vocabularies import Vocabularies

FORMAT, VERSION = "ner-tagger", 2
DESCRIPTION_NAME, MODEL_NAME = "tagger.json", "model.onnx"
FORBIDDEN = -1e30
_AGAIN = "export the run again (python -m ner_dist.export)"


class ExportError(UserError):
    """An export that is absent, damaged or foreign, or that cannot be written."""


class TensorSpec(NamedTuple):
    """An input or the output of the network."""

    type: str
    axes: Sequence[str]
    meaning: str


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
    directory: Path, vocabularies: Vocabularies, transition_scores: TransitionScores, origin: dict[str, Any]
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
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    (directory / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")


def is_export(directory: Path) -> bool:
    """Whether a directory is an export, of any version."""
    try:
        return _record(directory)["format"] == FORMAT
    except ExportError:
        return False


def read(directory: Path) -> tuple[Vocabularies, TransitionScores, dict[str, Any]]:
    """Read and verify both files of an export; returns what `write` was given. Raises ExportError naming what is wrong.

    The scores are FORBIDDEN where BILOU does not allow a tag or transition.
    """
    record = _record(directory)
    path, model = directory / DESCRIPTION_NAME, directory / MODEL_NAME
    if record["format"] != FORMAT:
        raise ExportError(f'{path}: not the description of an export (no "format": "{FORMAT}"); {_AGAIN}')
    if record.get("version") not in (1, VERSION):
        raise ExportError(
            f"{path}: format version {record.get('version')}, this code reads versions 1 and {VERSION}; use the "
            f"code that wrote it, or {_AGAIN}"
        )
    try:
        if record["version"] == 1:
            # It cut texts by English rules without saying so; its corpus came as tokens.
            record["vocabularies"].update(tokenizer=choose("rules", "en").to_record(), tokenizer_applied=False)
        vocabularies, origin = Vocabularies.from_record(record["vocabularies"]), record["origin"]
        names = ("start", "transition", "end")
        scores = TransitionScores(*(np.array(record["scores"][name], np.float64) for name in names))
        num_tags = len(bilou_tags(vocabularies.entity_types))
        if [values.shape for values in scores] != [values.shape for values in zero_transition_scores(num_tags)]:
            raise ValueError(f"scores are not for {num_tags} tags")
        sha256 = str(record["model"]["sha256"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ExportError(
            f"{path}: a field is missing, unknown or of the wrong type ({error}); the file is damaged: {_AGAIN}"
        ) from error
    try:
        found = file_sha256(model)
    except OSError as error:
        raise ExportError(f"{model}: not readable ({error.strerror}); the export is damaged: {_AGAIN}") from error
    if found != sha256:
        raise ExportError(
            f"{model}: checksum {found[:12]}..., {DESCRIPTION_NAME} has {sha256[:12]}...; the export is damaged: "
            f"{_AGAIN}"
        )
    return vocabularies, scores, origin


def _record(directory: Path) -> dict[str, Any]:
    """tagger.json as it is; "format" is present, with any value."""
    path = directory / DESCRIPTION_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{path}: not readable ({error.strerror}); is this an export?") from error
    except ValueError as error:
        raise ExportError(f"{path}: not readable as JSON ({error}); the file is damaged: {_AGAIN}") from error
    return {"format": None, **record} if isinstance(record, dict) else {"format": None}
