"""The command line of `python -m launch`: which command, its options, and what follows -- for training."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import importlib
import os
import re
from types import ModuleType
from typing import Any, NamedTuple

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings

from launch.complaints import explain
from launch.errors import UsageError
from ner_dist import config as knobs
from ner_dist.cli import shell_completion

_PROG = "python -m launch"
_TRAINING = """
What follows -- goes to python -m ner_dist.train and is checked before anything starts; without it
job/default.yaml is trained. A run without --run gets its name now."""


class Command(NamedTuple):
    """A command: a module of this package, imported only when it is asked for, and the class of its options there."""

    module: str
    options: str
    summary: str
    # Whether arguments of training may follow --.
    trains: bool
    # Whether options may come from a file, and the text it makes go to one.
    writes: bool
    examples: str


COMMANDS = {
    "local": Command(
        "launch.local",
        "Local",
        "train on ranks of this machine",
        True,
        False,
        "python -m launch local --np 4 --restarts 2 -- --config job/default.yaml --run runs/mine",
    ),
    "ssh": Command(
        "launch.ssh_job",
        "Ssh",
        "train on the hosts of a list, which are reached by ssh",
        True,
        False,
        "python -m launch ssh --hosts launch/hosts --np 4 --restarts 2 -- --data.shards data/mine --run runs/mine",
    ),
    "slurm": Command(
        "launch.slurm",
        "Slurm",
        "write a batch script for SLURM, or submit it",
        True,
        True,
        "python -m launch slurm --settings launch/slurm.example.yaml --out job.sbatch -- --run runs/mine",
    ),
    "kubernetes": Command(
        "launch.kubernetes",
        "Kubernetes",
        "write an MPIJob for Kubernetes",
        True,
        True,
        "python -m launch kubernetes --settings launch/kubernetes.example.yaml --out job.yaml -- --train.epochs 5",
    ),
    "doctor": Command(
        "launch.doctor",
        "Options",
        "say what this machine, or those of a list, lack for training",
        False,
        False,
        "python -m launch doctor --hosts launch/hosts --np 4 --shards data/mine",
    ),
}


class Call(NamedTuple):
    """A command line understood."""

    command: str
    module: ModuleType
    # Of the class that the command names.
    options: Any
    # What followed --.
    training: list[str]
    # Of the commands that write: where to, None for standard output; and whether to submit.
    out: str | None
    submit: bool


def parse(argv: list[str]) -> Call:
    """All commands but the doctor. Raises UsageError in one sentence for what is wrong; --help exits."""
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    own, training = _split(argv)
    name, rest = (own[0], own[1:]) if own else ("", [])
    if name in ("-h", "--help"):
        _overview().parse_args([name])
    if name not in COMMANDS:
        raise UsageError(f"{_asked(name)}, expected one of {', '.join(COMMANDS)}; see {_PROG} --help")
    module = importlib.import_module(COMMANDS[name].module)
    kind = getattr(module, COMMANDS[name].options)
    parser = _parser(name, kind)
    try:
        values = parser.parse_args(rest).as_dict()
    except argparse.ArgumentError as error:
        raise UsageError(explain(str(error), name, parser)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: the file of --settings is not UTF-8; save it as such") from error
    options = {field.name: values[field.name] for field in dataclasses.fields(kind)}
    for knob, value in options.items():
        # jsonargparse takes null for whatever type.
        if value is None:
            raise UsageError(f"{name}: {knob} is null, expected a value; leave its line out to keep the default")
    out = values.get("out")
    if out == "":
        raise UsageError(f"{name}: --out is empty, expected the file to write")
    return Call(name, module, kind(**options), training, out, bool(values.get("submit")))


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """What stands before the first -- and what behind it; -np, as horovodrun has it, is --np."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [re.sub(r"^-np(?=$|=)", "--np", word) for word in argv[:end]], argv[end + 1 :]


def _asked(name: str) -> str:
    if not name:
        return "no command was named"
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"there is no command {name!r}" + (f" (did you mean {near[0]}?)" if near else "")


class _Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines."""


def _overview() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Train on this machine, on several, on SLURM or on Kubernetes; and know before what is missing.",
        epilog="Examples:\n" + "\n".join(f"  {command.examples}" for command in COMMANDS.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands, each with its own --help", metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.summary)
    return parser


def _parser(name: str, kind: type) -> ArgumentParser:
    """The options of one command, those of its class and what is common to commands that write."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    command = COMMANDS[name]
    parser = ArgumentParser(
        prog=f"{_PROG} {name}",
        usage=f"{_PROG} {name} [options] [-- TRAIN ARGUMENTS]",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=f"Example:\n  {command.examples}{_TRAINING}",
        formatter_class=_Help,
        exit_on_error=False,
        allow_abbrev=False,
        # It would have to be told which of its options belong into a file.
        print_config=None,
    )
    if command.writes:
        parser.add_argument("--settings", action="config", help="File of these options in YAML.")
        parser.add_argument("--out", type=str, help="File to write, whole or not at all; without it the text is shown.")
    if name == "slurm":
        parser.add_argument("--submit", action="store_true", help="Give the script to sbatch.")
    parser.add_class_arguments(kind, as_group=False)
    _dash(parser)
    return parser


def _dash(parser: ArgumentParser) -> None:
    """Show --dry-run where jsonargparse made --dry_run of a field's name; either is understood, a flag also alone."""
    for action in parser._actions:
        if getattr(action, "_typehint", None) is bool:
            action.nargs, action.const = "?", "true"
        for option in [option for option in action.option_strings if "_" in option]:
            dashed = option.replace("_", "-")
            action.option_strings = [dashed if each == option else each for each in action.option_strings]
            parser._option_string_actions[dashed] = action


def _complete() -> None:
    """Answer the shell, which tells in COMP_LINE what has been typed; ends the process."""
    words = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split(" ")
    # Where the shell says that the arguments begin, behind `python -m launch`.
    first = int(os.environ["_ARGCOMPLETE"])
    name = words[first] if len(words) > first + 1 else ""
    if name not in COMMANDS:
        shell_completion.complete(_overview())
        return
    module = importlib.import_module(COMMANDS[name].module)
    trains = "--" in words[first:-1] and COMMANDS[name].trains
    os.environ["_ARGCOMPLETE"] = str((words.index("--", first) if trains else first) + 1)
    if name == "doctor":
        shell_completion.complete(module.parser())
    elif trains:
        # jsonargparse answers by itself, here and below.
        knobs.parse([])
    else:
        _parser(name, getattr(module, COMMANDS[name].options)).parse_args([])
