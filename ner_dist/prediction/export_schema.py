"""What tagger.json says, as dataclasses, and whether all of it fits together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ner_dist.contract.calibration import Calibration
from ner_dist.contract.index_checks import MOST_TYPES
from ner_dist.contract.shard_format import ListedFile
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.vocabularies import Vocabularies, check_vocabularies
from ner_dist.foreign.errors import refuse
from ner_dist.foreign.names import shortened
from ner_dist.model.crf import TransitionScores
from ner_dist.prediction.model_name import NAME_RULE, is_name


@dataclasses.dataclass
class _Tensor:
    type: str
    axes: str
    meaning: str


@dataclasses.dataclass
class _Scores:
    start: list[float]
    transition: list[list[float]]
    end: list[float]
    forbidden: float

    def as_arrays(self) -> TransitionScores:
        """They must have been checked."""
        return TransitionScores(*(np.array(scores, np.float64) for scores in (self.start, self.transition, self.end)))


@dataclasses.dataclass
class _Origin:
    """Any of it may be missing, but what is there is of these types."""

    run: Optional[str] = None
    checkpoint: Optional[str] = None
    epoch: Optional[int] = None
    steps: Optional[int] = None
    dev_f1: Optional[float] = None
    shards: Optional[str] = None
    versions: Optional[dict[str, str]] = None
    config: Optional[dict[str, Any]] = None
    # Since version 4.
    name: Optional[str] = None
    version: Optional[str] = None
    commit: Optional[str] = None
    created: Optional[str] = None
    examples: Optional[list[str]] = None


@dataclasses.dataclass
class Quantisation:
    """Of a small export: what takes fewer bytes, and what that costs on dev."""

    # How the numbers of a part are stored: {"words": "int8"}; and what a part would have lost that was left as it was.
    parts: dict[str, str]
    left_alone: dict[str, float]
    # Entity F1, 0 to 1.
    dev_f1_before: float
    dev_f1_after: float
    # Of the network's file.
    bytes_before: int
    bytes_after: int
    # CPU time of the network before, divided by that after.
    speed: float


@dataclasses.dataclass
class Description:
    model: ListedFile
    inputs: dict[str, _Tensor]
    output: dict[str, _Tensor]
    tags: list[str]
    scores: _Scores
    vocabularies: Vocabularies
    origin: _Origin
    # Since version 4.
    quantisation: Optional[Quantisation] = None
    calibration: Optional[Calibration] = None


def check_description(found: Description, path: Path) -> None:
    """Raises ForeignFileError naming the first fault."""
    types, scores = found.vocabularies.entity_types, found.scores
    if len(set(types)) < len(types) or "" in types or len(types) > MOST_TYPES:
        refuse(path, "entity_types has an empty one, one twice, or too many", f"at most {MOST_TYPES} distinct names")
    tags = bilou_tags(types)
    if found.tags != tags:
        refuse(path, f"tags is {shortened(found.tags)}", "those of entity_types")
    lengths = {len(scores.start), len(scores.end), len(scores.transition), *map(len, scores.transition)}
    if lengths != {len(tags)}:
        refuse(path, f"scores are not for {len(tags)} tags", f"{len(tags)} for start and end, and rows of as many")
    if not all(np.isfinite(values).all() for values in scores.as_arrays()):
        refuse(path, "scores has one that is no finite number", "numbers")
    check_vocabularies(found.vocabularies, path)
    if found.calibration is not None:
        found.calibration.check(path)
    for field in (found.origin.name, found.origin.version):
        if field is not None and not is_name(field):
            refuse(path, f"the name or version in origin is {shortened(field)}", NAME_RULE)
