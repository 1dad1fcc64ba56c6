"""The command line of `python -m launch`: which launcher, its options, and what follows -- for training."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import re
from typing import Any

from jsonargparse import ArgumentParser

from launch.job.training_command import TrainingRequest, check_training
from launch.launch_errors import UsageError
from launch.launchers import LAUNCHERS
from ner_dist import config as knobs
from ner_dist.cli import shell_completion
from ner_dist.cli.yaml_options import check_arguments, explain, make_yaml_parser, nearest, unknown_option
from ner_dist.config import ConfigError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.local_paths import local_path

_PROG = "python -m launch"
_TRAINING = """What follows -- goes to python -m ner_dist.train and is checked before anything starts. Without it
job/default.yaml is trained. A run without --run gets its name now."""
# Options of launchers that are paths.
PATHS = {"hosts", "out", "project", "model", "token_file"}
_SUMMARIES = {
    **{name: launcher.summary for name, launcher in LAUNCHERS.items()},
    "doctor": "list what this machine, or the hosts of a list, lack for training",
}
_DOCTOR_EXAMPLE = "python -m launch doctor --hosts launch/hosts --np 4 --shards data/mine"


def run_command(argv: list[str]) -> int:
    """Do what any command line but the doctor's asks for. Returns the exit code.

    Raises UsageError if the command line is wrong, and UserError for what prevents the start; --help exits.
    """
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    end = argv.index("--") if "--" in argv else len(argv)
    # -np is horovodrun's spelling.
    name, *words = [re.sub(r"^-np(?=$|=)", "--np", word) for word in argv[:end]] or [""]
    if name in ("-h", "--help"):
        _overview().parse_args([name])
    if name not in LAUNCHERS:
        near = nearest(name, _SUMMARIES)
        problem = f"there is no command {name!r}{f' (did you mean {near}?)' if near else ''}"
        problem = problem if name else "no command was given"
        raise UsageError(f"{problem}, expected one of {', '.join(_SUMMARIES)}; see {_PROG} --help")
    options = read_options(name, words)
    code: int = importlib.import_module(LAUNCHERS[name].module).launch(options, *_training(name, argv[end:]))
    return code


def _training(name: str, words: list[str]) -> list[TrainingRequest]:
    """What follows --, checked; nothing if the launcher does not train. words: -- and the rest. Raises UsageError."""
    if not LAUNCHERS[name].trains:
        if words:
            raise UsageError(f"{name} trains nothing, so nothing can follow --; found {' '.join(words[1:])!r}")
        return []
    try:
        return [check_training(words[1:])]
    except ConfigError as error:
        raise UsageError(str(error)) from error


def read_options(name: str, words: list[str]) -> Any:
    """A launcher's options from its command line. Raises UsageError."""
    kind = _options_of(name)
    parser = _parser(name)
    try:
        check_arguments(words, ["--settings"])
        values = parser.parse_args(words).as_dict()
    except ForeignFileError as error:
        raise UsageError(f"{name}: {error}") from error
    except argparse.ArgumentError as error:
        raise UsageError(_explain(str(error), name, parser)) from error
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    given = {field.name: values[field.name] for field in dataclasses.fields(kind)}
    for field, value in given.items():
        # jsonargparse takes null for a value of any type.
        if value is None:
            raise UsageError(f"{name}: {field} is null, expected a value; remove its line to keep the default")
        if field in PATHS:
            _require_local(name, field, value)
    if given.get("out") == "":
        raise UsageError(f"{name}: --out is empty, expected the file to write")
    return kind(**given)


def _require_local(name: str, field: str, path: str) -> None:
    try:
        local_path(path, f"{name}: --{field}")
    except ForeignFileError as error:
        raise UsageError(str(error)) from error


def _overview() -> argparse.ArgumentParser:
    examples = [*(launcher.example for launcher in LAUNCHERS.values()), _DOCTOR_EXAMPLE]
    parser = argparse.ArgumentParser(
        prog=_PROG,
        usage=f"{_PROG} COMMAND [options] [-- TRAIN ARGUMENTS]",
        description="Train on this machine, on several, in a cluster of Ray, Spark, SLURM or Kubernetes, and see "
        "beforehand what is missing; roll out the service.",
        epilog="Examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands, each with its own --help", metavar="COMMAND")
    for name, summary in _SUMMARIES.items():
        commands.add_parser(name, help=summary)
    return parser


def _options_of(name: str) -> type:
    kind: type = getattr(importlib.import_module(LAUNCHERS[name].module), LAUNCHERS[name].options)
    return kind


def _field_names(name: str) -> set[str]:
    return {field.name for field in dataclasses.fields(_options_of(name))}


def _parser(name: str) -> ArgumentParser:
    launcher = LAUNCHERS[name]
    parser = make_yaml_parser(
        _options_of(name),
        f"{_PROG} {name}",
        usage="[options] [-- TRAIN ARGUMENTS]" if launcher.trains else "[options]",
        description=f"{launcher.summary[0].upper()}{launcher.summary[1:]}." + f"\n\n{_TRAINING}" * launcher.trains,
        example=launcher.example,
        first=launcher.most_used,
        file_option="--settings" if launcher.has_settings_file else None,
        file_help="File of these options in YAML; those of the command line win.",
        # It would have to know which of its options belong into a file.
        prints_config=False,
    )
    for action in parser._actions:
        if getattr(action, "_typehint", None) is bool:
            # Flags need no value.
            action.nargs, action.const = "?", "true"
        # Show --dry-run where jsonargparse made --dry_run of a field's name, but accept both.
        for option in [option for option in action.option_strings if "_" in option]:
            dashed = option.replace("_", "-")
            action.option_strings = [dashed if each == option else each for each in action.option_strings]
            parser._option_string_actions[dashed] = action
    return parser


def _explain(message: str, name: str, parser: ArgumentParser) -> str:
    word = unknown_option(message)
    if word is None:
        sentence = explain(message, f"{_PROG} {name}", "--settings")
        return re.sub(r"^--\w+", lambda option: option[0].replace("_", "-"), sentence)
    plain = word.lstrip("-").split("=")[0]
    near = nearest(plain.replace("_", "-"), [each.lstrip("-") for each in parser._option_string_actions])
    owners = [other for other in LAUNCHERS if other != name and plain.replace("-", "_") in _field_names(other)]
    if plain in {*knobs.flat(knobs.Config()), "config"}:
        advice = "options of training follow --"
    elif owners:
        advice = f"it is a setting of {' and '.join(owners)}; each launcher has a file of its own"
    else:
        advice = f"did you mean --{near}?" if near else f"see {_PROG} {name} --help"
    return f"{name} has no option {word}; {advice}"


def _complete() -> None:
    """Answer the shell, which passes what has been typed in COMP_LINE, and end the process."""
    words = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split(" ")
    # Where the shell says that the arguments begin, after `python -m launch`.
    first = int(os.environ["_ARGCOMPLETE"])
    name = words[first] if len(words) > first + 1 else ""
    if name not in _SUMMARIES:
        shell_completion.complete(_overview())
        return
    for_training = "--" in words[first:-1] and name in LAUNCHERS and LAUNCHERS[name].trains
    os.environ["_ARGCOMPLETE"] = str((words.index("--", first) if for_training else first) + 1)
    if name == "doctor":
        from launch.doctor.doctor_command import doctor_parser

        shell_completion.complete(doctor_parser())
    # jsonargparse answers by itself.
    elif for_training:
        knobs.parse([])
    else:
        _parser(name).parse_args([])
