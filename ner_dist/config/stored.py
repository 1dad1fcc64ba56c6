"""Knobs as they are stored with a run and in an export."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from ner_dist.config.checks import check
from ner_dist.config.knobs import Config, Data, Loss, Model, Optimizer, Train
from ner_dist.foreign.json_files import checked
from ner_dist.foreign.yaml_files import read_yaml


def from_dict(record: dict[str, Any]) -> Config:
    """A configuration from what dataclasses.asdict made of it."""
    sections = {"data": Data, "model": Model, "loss": Loss, "optimizer": Optimizer, "train": Train}
    return Config(**{name: sections[name](**value) if name in sections else value for name, value in record.items()})


def read_stored(path: Path) -> Config:
    """The configuration in a file that to_yaml made. Raises ForeignFileError; ConfigError for knobs out of range."""
    return from_record(read_yaml(path), path)


def from_record(record: object, place: Path) -> Config:
    """A configuration that was stored in another file. Raises what read_stored does; place: of the file."""
    config = checked(record, place, Config)
    check(config)
    return config


def to_yaml(config: Config) -> str:
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)
