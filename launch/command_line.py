"""The command line of `python -m launch`: which command, its options, and what follows -- for training."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import re
from types import ModuleType
from typing import Any, NamedTuple

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings

from launch.errors import UsageError
from ner_dist import completion
from ner_dist import config as knobs

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
    # Of the class that the command names; or, if its module has add_arguments, a namespace.
    options: Any
    # What followed --.
    training: list[str]
    # Of the commands that write: where to, None for standard output; and whether to submit.
    out: str | None
    submit: bool


def parse(argv: list[str]) -> Call:
    """Raises UsageError in one sentence for what the command line gets wrong; --help exits."""
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    own, training = _split(argv)
    name, rest = (own[0], own[1:]) if own else ("", [])
    if name in ("-h", "--help"):
        _overview().parse_args([name])
    if name not in COMMANDS:
        raise UsageError(f"{_asked(name)}, expected one of {', '.join(COMMANDS)}; see {_PROG} --help")
    command = COMMANDS[name]
    if training and not command.trains:
        raise UsageError(f"{name} trains nothing, so nothing may follow --; leave out {' '.join(training)!r}")
    module = importlib.import_module(command.module)
    parser = _parser(name, module)
    try:
        parsed = parser.parse_args(rest)
    except argparse.ArgumentError as error:
        raise UsageError(_explain(str(error), name, parser)) from error
    values = parsed.as_dict()
    out, submit = values.pop("out", None), bool(values.pop("submit", False))
    if not command.writes:
        out, submit = None, False
        values = parsed.as_dict()
    values.pop("settings", None)
    options = parsed if hasattr(module, "add_arguments") else getattr(module, command.options)(**values)
    return Call(name, module, options, training, out, submit)


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


def _parser(name: str, module: ModuleType) -> ArgumentParser:
    """The options of one command."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    command = COMMANDS[name]
    parser = ArgumentParser(
        prog=f"{_PROG} {name}",
        usage=f"{_PROG} {name} [options]{' [-- TRAIN ARGUMENTS]' if command.trains else ''}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=f"Example:\n  {command.examples}{_TRAINING if command.trains else ''}",
        formatter_class=_Help,
        exit_on_error=False,
        allow_abbrev=False,
    )
    if command.writes:
        parser.add_argument("--settings", action="config", help="File of these options in YAML.")
        parser.add_argument("--out", type=str, help="File to write, whole or not at all; without it the text is shown.")
    if name == "slurm":
        parser.add_argument("--submit", action="store_true", help="Give the script to sbatch.")
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
        return parser
    options = getattr(module, command.options)
    parser.add_class_arguments(options, as_group=False)
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


def _explain(message: str, name: str, parser: ArgumentParser) -> str:
    """jsonargparse's complaint as one sentence, with the nearest option if one is unknown."""
    message = re.sub(r"\s+", " ", message).strip().rstrip(".")
    message = re.sub(r"(?:<class '(\w+)'>|typing\.)", r"\1", message)
    message = re.sub(r'^Parser key "([\w.]+)": ', lambda key: f"--{key[1].replace('_', '-')}: ", message)
    message = re.sub(r"Does not validate .* Errors: (.*) Given value type: \w+ Given value: ", _either, message)
    unknown = re.search(r"[Uu]nrecognized arguments: (\S+)|Option '([\w.\-]+)' is not accepted", message)
    if unknown:
        word = unknown[1] or unknown[2]
        options = [option for action in parser._actions for option in action.option_strings]
        near = difflib.get_close_matches(f"--{word.lstrip('-')}", options, n=1)
        knob = word.lstrip("-").split("=")[0] in {*knobs.flat(knobs.Config()), "config"} and COMMANDS[name].trains
        advice = "what is for training follows --" if knob else f"did you mean {near[0]}?" if near else ""
        return f"{name} has no option {word}; {advice or f'see {_PROG} {name} --help'}"
    return f"{message}; see {_PROG} {name} --help"


def _either(complaint: re.Match[str]) -> str:
    """What was expected, of jsonargparse's list of all that was tried."""
    kinds = [kind for kind in re.findall(r"Expected an? (\w+)", complaint[1]) if kind != "NoneType"]
    return f"Expected a {' or '.join(kinds)}. Got value: "


def _complete() -> None:
    """Answer the shell, which tells in COMP_LINE what has been typed; ends the process."""
    words = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split(" ")
    # Where the shell says that the arguments begin, behind `python -m launch`.
    first = int(os.environ["_ARGCOMPLETE"])
    name = words[first] if len(words) > first + 1 else ""
    if name not in COMMANDS:
        completion.complete(_overview())
        return
    if "--" in words[first:-1] and COMMANDS[name].trains:
        os.environ["_ARGCOMPLETE"] = str(words.index("--", first) + 1)
        # jsonargparse answers by itself, here and below.
        knobs.parse([])
        return
    os.environ["_ARGCOMPLETE"] = str(first + 1)
    module = importlib.import_module(COMMANDS[name].module)
    _parser(name, module).parse_args([])
