"""The command line of training as a configuration: a job file, or a model to be like, and single knobs."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner_dist.cli.yaml_options import check_arguments, explain, make_yaml_parser, nearest, unknown_option
from ner_dist.config.checks import ConfigError, check
from ner_dist.config.knobs import Config, each, flat
from ner_dist.config.like import job_of, knobs_of, like_model
from ner_dist.config.paths import job_file, require_local, require_place
from ner_dist.config.stored import from_dict
from ner_dist.foreign.errors import ForeignFileError

DEFAULT_JOB = "job/default.yaml"
_PROG = "python -m ner_dist.train"


def parse(argv: list[str]) -> tuple[Config, str]:
    """The configuration of a command line, and the name of its job file without folder and ending, or of its model.

    Without --config or --like the job is job/default.yaml. Raises ConfigError; --help exits.
    """
    parser = make_yaml_parser(
        Config,
        _PROG,
        usage="[--config JOB | --like MODEL] [--run DIR] [--SECTION.KNOB VALUE ...]",
        description="Train a CNN-BiLSTM tagger on shards, in one process or on every rank of a horovodrun job.",
        example=f"horovodrun -np 4 {_PROG} --config job/conll2003.yaml --train.seed 2",
        first=("config", "data.shards", "run", "train.epochs", "train.resume"),
        file_option="--config",
        file_help=f"Job file: knobs in YAML (default {DEFAULT_JOB})",
        file_like=(
            "--like",
            "Train as this model was trained (a run, a checkpoint or an export), instead of a job file",
        ),
    )
    model, argv = like_model(argv)
    words = _with_job_files(argv) if model is None else [*_as_words(knobs_of(model)), *argv]
    try:
        sections = [section.name for section in dataclasses.fields(Config) if section.name != "run"]
        check_arguments(words, ["--config", *(f"--{section}" for section in sections)])
        parsed = parser.parse_args(words)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
    except argparse.ArgumentError as error:
        raise ConfigError(_explain(str(error))) from error
    # A number of thousands of digits in a job file, for example.
    except (ValueError, RecursionError) as error:
        raise ConfigError(explain(str(error), _PROG, "--config")) from error
    record = {field.name: parsed.as_dict()[field.name] for field in dataclasses.fields(Config)}
    for name, value in record.items():
        if name != "run":
            if not isinstance(value, dict):
                raise ConfigError(f"{name} is {value}, expected knobs under it; leave it out to change none")
            # Where the knobs of --SECTION FILE come from.
            value.pop("__path__", None)
    config = from_dict(record)
    check(config)
    for knob_name, knob, value in each(config):
        if knob.metadata.get("is_path") and value:
            (require_place if knob.metadata.get("stores") else require_local)(value, f"--{knob_name}")
    if model is not None:
        return config, job_of(model)
    return config, Path(str(parsed.config[-1])).stem if parsed.config else "default"


def _as_words(values: Mapping[str, Any]) -> list[str]:
    """Knobs by their dotted names as words of a command line."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return [word for name, text in texts.items() for word in (f"--{name}", text)]


def _with_job_files(argv: list[str]) -> list[str]:
    """The command line with the paths of its job files; the default job comes first if it names none."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    for place, word in enumerate(words[1:], 1):
        if words[place - 1] == "--config" and not word.startswith("--"):
            words[place] = str(job_file(word))
    if "--config" not in words:
        # An installed copy has one; without any, knobs keep their defaults.
        with contextlib.suppress(ConfigError):
            words = ["--config", str(job_file(DEFAULT_JOB)), *words]
    return words


def _explain(message: str) -> str:
    name = unknown_option(message)
    if name is None:
        return explain(message, _PROG, "--config")
    name = name.lstrip("-").partition("=")[0]
    near = nearest(name, [*flat(Config()), "config", "like", "help"], least_alike=0.0)
    return f"unknown knob {name!r}; did you mean --{near}?"
