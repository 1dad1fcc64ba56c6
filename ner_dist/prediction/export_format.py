"""tagger.json: all of an exported tagger but its network, which lies beside it in model.onnx; no MXNet, no ONNX here.

With these two files anyone can write a runner; runner.py is one. The fields of tagger.json:

format, version   "ner-tagger" and 1; another version means another layout of this file or of the inputs.
model             `path`, `num_bytes` and `sha256` of the network's file.
inputs            By name, what the network takes: `type`, `axes` and `meaning`. Axes: T tokens of the longest sentence,
                  B sentences, N distinct tokens, C characters of the longest of those with padding on both sides.
                  What stands in places of (T, B) beyond a sentence's end does not matter.
output            The same of what it yields: a score for each of the K tags at each token.
tags              Names by id: O, then B-, I-, L- and U- (begin, inside, last, unit) of each entity type.
scores            What a sequence of tags earns beside its emissions: `start` (K) with its first tag, `transition`
                  (K, K) from row to column, `end` (K) with its last. `forbidden`, -1e30, stands where BILOU allows no
                  such sequence. The prediction is the sequence with the largest sum (Viterbi), in float64.
vocabularies      What turns tokens into ids; every list is by id.
  entity_types    Names.
  words           0 is padding, 1 the unknown word, and neither is ever looked up. A token is looked up as it is, then
                  in lower case, then in lower case with each run of digits as one 0, among the words with a vector;
                  else among all words, in lower case unless `keep_case`, digits as one 0 unless `keep_digits`.
  without_vector  Ids of the words that have no pretrained vector; null: none has, and only the last look-up counts.
  keep_case, keep_digits   See words.
  characters      0 is padding, 1 to 4 unknown characters: upper, lower, punct (Unicode's P and S) and other.
  character_types 0 padding, 1 upper, 2 lower, 3 punct, 4 other, of each character; the network has looked them up.
  max_characters  Of longer tokens the first half and the last half of so many characters are seen.
  character_padding   Zeros on both sides of each token's characters.
  features        What else the network sees of a token, an input each: `name` and `values`, of which 0 is padding and
                  1 an unknown value. caps: by runner.py's capitalisation(). pos: the part of speech, from outside.
                  lexicon_TYPE: the place in an entry (O, B, I, L, U) by ner_dist/contract/lexicon_matching.py,
                  with `entries`, case-folded tokens separated by spaces, and `parts`, the fewest and most
                  tokens of a partial match.
origin            Where it came from: `run`, `checkpoint`; `epoch` and `steps` when it was saved; `dev_f1`, null unless
                  that epoch was the best; `shards`, their fingerprint; `versions` of what exported it; `config`, the
                  knobs of training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ner_dist.contract.shard_format import file_sha256
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.errors import UserError
from ner_dist.model.crf import TransitionScores
from ner_dist.prediction.vocabularies import Vocabularies

FORMAT, VERSION = "ner-tagger", 1
DESCRIPTION_NAME, MODEL_NAME = "tagger.json", "model.onnx"
FORBIDDEN = -1e30
_AGAIN = "export the run again (python -m ner_dist.export)"


class ExportError(UserError):
    """An exported model that is absent, damaged, foreign, or that cannot be made."""


class Array(NamedTuple):
    """An input or the output of the network."""

    type: str
    axes: Sequence[str]
    meaning: str


WORD, FORM, CHAR, LENGTH, EMISSION = "word", "form", "char", "length", "emission"
_ARRAYS = {
    WORD: Array("int64", "TB", "id of the word, by vocabularies.words"),
    FORM: Array("int64", "TB", "which row of char holds the token's characters"),
    CHAR: Array("int64", "NC", "ids of a token's characters, by vocabularies.characters, between zeros"),
    LENGTH: Array("int32", "B", "tokens of the sentence, 1 or more"),
    EMISSION: Array("float32", "TBK", "score of each tag at each token"),
}


def array(name: str) -> Array:
    """What the input or output of this name is; one that is none of the above is a token feature."""
    return _ARRAYS.get(name) or Array("int64", "TB", f"id of the token feature {name}, by vocabularies.features")


def input_names(vocabularies: Vocabularies) -> list[str]:
    """The inputs of every network, also of one that does not look at characters, and one for each feature."""
    return [WORD, FORM, CHAR, *(feature.name for feature in vocabularies.features), LENGTH]


class Description(NamedTuple):
    """What tagger.json says to whoever tags."""

    vocabularies: Vocabularies
    # With FORBIDDEN where BILOU allows nothing.
    transition_scores: TransitionScores
    origin: dict[str, Any]


def write(directory: Path, described: Description) -> None:
    """tagger.json beside the network, which must be there."""
    model = directory / MODEL_NAME
    allowed = (np.asarray(values, np.float64) for values in described.transition_scores.allowed())
    start, transition, end = (np.maximum(values, FORBIDDEN).tolist() for values in allowed)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "model": {"path": MODEL_NAME, "num_bytes": model.stat().st_size, "sha256": file_sha256(model)},
        "inputs": {name: array(name)._asdict() for name in input_names(described.vocabularies)},
        "output": {EMISSION: array(EMISSION)._asdict()},
        "tags": bilou_tags(described.vocabularies.entity_types),
        "scores": {"start": start, "transition": transition, "end": end, "forbidden": FORBIDDEN},
        "vocabularies": described.vocabularies.to_record(),
        "origin": described.origin,
    }
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    (directory / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")


def is_export(directory: Path) -> bool:
    """Whether a directory is an export, of whatever version, and not something else that must not be overwritten."""
    try:
        return _record(directory)["format"] == FORMAT
    except (ExportError, OSError):
        return False


def read(directory: Path) -> Description:
    """Read and verify both files of an export. Raises ExportError naming what is wrong."""
    record = _record(directory)
    path = directory / DESCRIPTION_NAME
    if record["format"] != FORMAT:
        raise ExportError(f'{path}: not of an exported tagger (no "format": "{FORMAT}"); {_AGAIN}')
    if record.get("version") != VERSION:
        raise ExportError(
            f"{path}: format version {record.get('version')}, this code reads version {VERSION}; use the code that "
            f"wrote it, or {_AGAIN}"
        )
    try:
        described = Description(
            Vocabularies.from_record(record["vocabularies"]),
            TransitionScores(
                *(np.array(record["scores"][name], np.float64) for name in ("start", "transition", "end"))
            ),
            record["origin"],
        )
        num_tags = len(bilou_tags(described.vocabularies.entity_types))
        if [values.shape for values in described.transition_scores] != [(num_tags,), (num_tags, num_tags), (num_tags,)]:
            raise ValueError(f"scores that are not of {num_tags} tags")
        _verify(directory / MODEL_NAME, record["model"])
    except ExportError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(
            f"{path}: a field is missing, unknown or of the wrong kind ({error}); it is damaged: {_AGAIN}"
        ) from error
    return described


def _record(directory: Path) -> dict[str, Any]:
    """tagger.json as it is; "format" is there, whatever it says."""
    path = directory / DESCRIPTION_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{path}: not readable ({error.strerror}); is this an exported model?") from error
    except ValueError as error:
        raise ExportError(f"{path}: not readable as JSON ({error}); it is damaged: {_AGAIN}") from error
    return {"format": None, **record} if isinstance(record, dict) else {"format": None}


def _verify(path: Path, expected: dict[str, Any]) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ExportError(f"{path}: not readable ({error.strerror}); the export is damaged: {_AGAIN}") from error
    if found != expected["sha256"]:
        raise ExportError(
            f"{path}: checksum {found[:12]}..., {DESCRIPTION_NAME} says {str(expected['sha256'])[:12]}...; the export "
            f"is damaged: {_AGAIN}"
        )
