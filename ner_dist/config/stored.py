"""Knobs as they are stored with a run and in an export."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import yaml

from ner_dist.config.checks import check
from ner_dist.config.knobs import Config, Data, Loss, Model, Optimizer, Train
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import checked
from ner_dist.foreign.yaml_files import parse_yaml, read_text

_SEAL = "# sha256 of the lines below: "


def from_dict(record: dict[str, Any]) -> Config:
    """A configuration from what dataclasses.asdict made of it."""
    sections = {"data": Data, "model": Model, "loss": Loss, "optimizer": Optimizer, "train": Train}
    return Config(**{name: sections[name](**value) if name in sections else value for name, value in record.items()})


def read_stored(path: Path) -> Config:
    """The configuration in a file that sealed_yaml made. Raises ForeignFileError; ConfigError for knobs out of range.

    Files of before have no checksum.
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    if first.startswith(_SEAL) and first[len(_SEAL) :] != _digest(rest):
        raise ForeignFileError(
            f"{path}:1: not the checksum of the lines below: the file is damaged or was edited; to train with other "
            "knobs, give them after the command, or an edited copy without this line to --config"
        )
    return from_record(parse_yaml(text, str(path)), path)


def from_record(record: object, place: Path) -> Config:
    """A configuration that was stored in another file. Raises what read_stored does; place: of the file."""
    config = checked(record, place, Config)
    check(config)
    return config


def to_yaml(config: Config) -> str:
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


def sealed_yaml(config: Config) -> str:
    """The same below a comment with the checksum of it, for files that are read back."""
    text = to_yaml(config)
    return f"{_SEAL}{_digest(text)}\n{text}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
