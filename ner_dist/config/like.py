"""--like: the knobs of a trained model instead of a job file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ner_dist.config.checks import ConfigError
from ner_dist.config.knobs import Config, flat
from ner_dist.config.paths import require_place
from ner_dist.config.stored import from_record, read_stored
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import loads, read_bytes
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import by_address
from ner_dist.stores.models import KNOBS, local_files

# What --like leaves to the new run.
_NOT_LIKE = ("run", "train.resume", "train.begin_from")
_MOST_EXPORT_BYTES = 1 << 30


def like_model(argv: list[str]) -> tuple[Path | Address | None, list[str]]:
    """The model of --like, and the command line without it. Raises ConfigError unless it alone names knobs."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--like=") else [word])]
    if "--like" not in words:
        return None, argv
    place = words.index("--like")
    if place + 1 == len(words) or words[place + 1].startswith("--"):
        raise ConfigError("--like has no value, expected the directory of a run, of a checkpoint or of an export")
    rest = [*words[:place], *words[place + 2 :]]
    for other in ("--like", "--config"):
        if any(word.split("=")[0] == other for word in rest):
            raise ConfigError(f"--like and {other} both say which knobs to begin with; keep one of them")
    return require_place(words[place + 1], "--like"), rest


def job_of(model: Path | Address) -> str:
    """What to call a training that is like a model: its name or, of a checkpoint, its run's."""
    place = model.resolve() if isinstance(model, Path) else model
    return place.parent.parent.name if place.parent.name == "checkpoints" else place.name


def like_sentence(argv: list[str]) -> str:
    """What --like takes over, for people; empty without it. The command line must be one that parse accepts."""
    model, rest = like_model(argv)
    if model is None:
        return ""
    given = {word.split("=")[0].removeprefix("--") for word in rest if word.startswith("--")}
    taken = {name: value for name, value in knobs_of(model).items() if name not in given}
    shown = ", ".join(
        f"{name} {json.dumps(value) if isinstance(value, dict) else value}" for name, value in taken.items()
    )
    return f"as {model}: {shown or 'all knobs at their defaults'}; not its {', '.join(_NOT_LIKE)}"


def knobs_of(model: Path | Address) -> dict[str, Any]:
    """The knobs of a model that are not at their defaults, but for those of a single run. Raises ConfigError."""
    defaults = flat(Config())
    found = {name: value for name, value in flat(_config_of(model)).items() if value != defaults[name]}
    return {name: value for name, value in found.items() if name not in _NOT_LIKE}


def _config_of(named: Path | Address) -> Config:
    model = local_files(named, KNOBS)
    export = model / "tagger.json"
    try:
        for path in (model / "config.yaml", model / "checkpoints" / "best" / "config.yaml"):
            if path.is_file():
                return read_stored(path)
        if export.is_file():
            record = loads(read_bytes(export, _MOST_EXPORT_BYTES), export)
            origin = record.get("origin") if isinstance(record, dict) else None
            return from_record(origin.get("config") if isinstance(origin, dict) else None, export)
    except ForeignFileError as error:
        raise ConfigError(f"--like {named}: {by_address(str(error))}") from error
    raise ConfigError(f"--like {named}: neither a run, nor a checkpoint (config.yaml), nor an export (tagger.json)")
