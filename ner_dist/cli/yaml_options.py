"""Options that come from the command line or from YAML files: declared as dataclasses, read by jsonargparse.

The help has the layout of ner_dist.cli.options, which declares the options of all other commands. A message of
jsonargparse becomes one sentence: what, where, found, expected, what to do.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Optional

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings

from ner_dist.cli.options import HelpFormatter
from ner_dist.foreign.local_paths import local_path
from ner_dist.foreign.yaml_files import check_limits, read_text


def make_yaml_parser(
    kind: type,
    prog: str,
    *,
    usage: str,
    description: str,
    example: str,
    first: Sequence[str],
    file_option: str | None = None,
    file_help: str = "",
    file_like: tuple[str, str] | None = None,
    prints_config: bool = True,
) -> ArgumentParser:
    """A parser whose options are the fields of `kind`, and SECTION.FIELD for those of its fields that are dataclasses.

    usage: what follows prog on the first line. first: options that come first in the help, without dashes, for example
    train.epochs. file_option: names a YAML file of options. file_like: name and help of an option in its place, which
    the help shows beside it and the caller reads. prints_config: whether --print_config shows them as YAML.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog=prog,
        usage=f"{prog} {usage}",
        description=f"{description}\n\nExample:\n  {example}",
        formatter_class=_YamlHelpFormatter,
        exit_on_error=False,
        allow_abbrev=False,
        print_config="--print_config" if prints_config else None,
    )
    if file_option:
        parser.add_argument(file_option, action="config", help=file_help)
    parser.add_class_arguments(kind, as_group=False)
    for action in parser._actions:
        hint = getattr(action, "_typehint", None)
        if typing.get_origin(hint) is typing.Literal:
            # For argcomplete: jsonargparse itself completes names, files and booleans only.
            values = list(typing.get_args(hint))
            action.completer = lambda values=values, **_: values  # type: ignore[attr-defined]
    _arrange(parser, first)
    if file_like:
        name, text = file_like
        most_used = parser._action_groups[0]
        action = argparse.Action([name], name.lstrip("-"), metavar="MODEL", help=text)
        most_used._group_actions.insert(1, action)
    return parser


def check_arguments(words: Sequence[str], file_options: Sequence[str]) -> None:
    """Raises ForeignFileError for YAML that would take endless time or memory, and for files that are not UTF-8 or not
    local.

    words: a command line. file_options: those whose value may be the name of a YAML file. What is merely wrong is the
    parser's to complain about.
    """
    for before, word in zip(["", *words], words):
        option, _, value = word.partition("=") if word.startswith("--") else (before, "", word)
        check_limits(value, option or "the command line")
        if option in file_options and os.path.isfile(local_path(value, option)):
            check_limits(read_text(value), value)


class _YamlHelpFormatter(DefaultHelpFormatter, HelpFormatter):
    """Shows an option's meaning and default; jsonargparse would add its type and more ways to spell it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = str(action.help), action.default
        if not hasattr(action, "_typehint") or default in (None, "", [], {}):
            return text
        return f"{text} (default {str(default).lower() if isinstance(default, bool) else default})"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # --KNOB+ would append to a list.
        return re.sub(r", --\S+\+ .*", "", super()._format_action_invocation(action))

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        hint = getattr(action, "_typehint", None)
        names = {int: "N", float: "N", str: "TEXT", Optional[str]: "TEXT", None: "FILE"}
        return names.get(hint, "YAML")


def _arrange(parser: ArgumentParser, first: Sequence[str]) -> None:
    """Order the help: the most used options, then each section, then what is left."""
    actions = {action.dest: action for action in parser._actions}
    most_used = parser.add_argument_group("most used")
    for group in parser._action_groups:
        group._group_actions = [action for action in group._group_actions if action.dest not in first]
    most_used._group_actions = [actions[name] for name in first]
    for action in parser._actions:
        if type(action).__name__ == "_ActionConfigLoad":
            # --SECTION FILE works, but a job file does the same for all sections.
            action.help = argparse.SUPPRESS
        elif action.dest == "print_config":
            action.help = "Print the knobs of this command line as a job file and exit."
    positionals, others, *sections, _ = parser._action_groups
    parser._action_groups = [most_used, *sections, positionals, others]


_EXPECTED = {
    "list": "a list, for example '[a, b]'",
    "dict": "pairs, for example '{a: b}'",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
}


def explain(message: str, command: str, file_option: str) -> str:
    """The sentence for any message but that of an unknown option.

    command: its --help explains more. file_option: the option that names a YAML file, for example --config.
    """
    message = " ".join(message.split()).rstrip(".")
    message = re.sub(r"(?:<class '(\w+)'>|typing\.)", r"\1", message)
    message = re.sub(r'^Parser key "([\w.]+)": ', r"--\1: ", message)
    message = re.sub(r"Does not validate .* Errors: (.*) Given value type: \w+ Given value: ", _any_of, message)
    message = re.sub(r"^(--\S+): Expected an? (.+?)\. Got value:(.*)$", _wrong_type, message)
    message = re.sub(r"^Unexpected config:(.*)$", rf"{file_option} has no lines `name: value` but '\1'", message)
    message = message.replace("Problems parsing config:", f"{file_option} is no YAML:")
    message = message.replace(' in "<unicode string>"', "")
    return f"{message}; see {command} --help"


def unknown_option(message: str) -> str | None:
    """The name that a message rejects, after that of its group and a dot; None if it is about something else."""
    in_group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
    if in_group:
        return ".".join(in_group.groups())
    alone = re.search(r"[Uu]nrecognized arguments: (\S+)|Option '([\w.\-]+)' is not accepted", message)
    return (alone[1] or alone[2]) if alone else None


def nearest(name: str, known: Iterable[str], least_alike: float = 0.6) -> str | None:
    """The known name that is most like this one; None if none is alike enough (0: any, 1: equal)."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=least_alike)), None)


def _any_of(complaint: re.Match[str]) -> str:
    """One complaint of the list that jsonargparse gives for a Union, one for each of its types."""
    kinds = [kind for kind in re.findall(r"Expected an? (\w+)", complaint[1]) if kind != "NoneType"]
    return f"Expected a {' or '.join(kinds)}. Got value: "


def _wrong_type(complaint: re.Match[str]) -> str:
    option, kind, value = complaint[1], complaint[2], complaint[3].strip()
    choices = re.findall(r"'([^']*)'", kind)
    expected = f"one of {', '.join(choices)}" if choices else _EXPECTED.get(kind, f"a {kind}")
    return f"{option} is {value!r}, expected {expected}"
