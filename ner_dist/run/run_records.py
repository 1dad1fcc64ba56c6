"""What a run has recorded, read back: its result, and the lines of its metrics."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, List, Optional

from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import SEAL, checked, loads, read_bytes, verify_seal
from ner_dist.run.begun_from import BegunFrom

# Lines of very long runs.
_MOST_METRICS_BYTES = 1 << 30
# What every line has; those of an epoch also have scores on dev.
_OF_LINES = ("steps", "epoch", "loss", "padding", "tokens_per_second")
_OF_EPOCHS = ("dev_precision", "dev_recall", "dev_f1")
# What those of an epoch may have; runs of before have none.
_DEV_LOSS = "dev_loss"


@dataclasses.dataclass
class _Scores:
    entity: dict[str, Any]
    token: dict[str, Any]
    characters: Optional[dict[str, Any]] = None


@dataclasses.dataclass
class _Result:
    best_epoch: int
    epochs: int
    steps: int
    num_ranks: int
    seed: int
    tokens_per_second: float
    shards: str
    versions: dict[str, str]
    # Not in results of before.
    stopped: Optional[str] = None
    warnings: Optional[List[str]] = None
    begun_from: Optional[BegunFrom] = None
    dev: Optional[_Scores] = None
    test: Optional[_Scores] = None


def read_result(path: Path) -> dict[str, Any] | None:
    """result.json, without its checksum; None if there is none. Raises UserError if it is damaged."""
    if not path.is_file():
        return None
    with advising(UserError, "remove it to do without it"):
        data = read_bytes(path)
        record = loads(data, path)
        if isinstance(record, dict) and SEAL in record:
            verify_seal(data, record, path)
            del record[SEAL]
        found = checked(record, path, _Result)
        for scores in (found.dev, found.test):
            if scores is not None and not isinstance(scores.entity.get("f1"), (int, float)):
                raise ForeignFileError(f"{path}: the entity scores have no f1")
    return dict(record)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; none if there is no such file. Raises UserError if one is no line of metrics.

    The last one may be incomplete: the run is writing it, or died while it did.
    """
    texts = read_bytes(path, _MOST_METRICS_BYTES).split(b"\n") if path.is_file() else []
    texts = texts[:-1] if texts and not texts[-1] else texts
    lines = []
    for number, text in enumerate(texts, 1):
        place = f"{path}:{number}"
        try:
            lines.append(_line(loads(text, place), place))
        except ForeignFileError as error:
            if number < len(texts):
                raise UserError(f"{error}; remove this line") from error
    return lines


def _line(found: Any, place: str) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("kind") not in ("steps", "epoch"):
        raise ForeignFileError(f'{place}: expected an object whose "kind" is "steps" or "epoch"')
    of_epoch = (*_OF_EPOCHS, *([_DEV_LOSS] if _DEV_LOSS in found else []))
    for name in (*_OF_LINES, *(of_epoch if found["kind"] == "epoch" else ())):
        value = found.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
            raise ForeignFileError(f"{place}: {name} is missing or no number")
    if type(found["epoch"]) is not int or not 1 <= found["epoch"] < 1 << 31 or not 1 <= found["steps"] < 1 << 53:
        raise ForeignFileError(f"{place}: epoch or steps is out of range, expected counts from 1 on")
    return found
