"""Command-line options declared once, as the fields of a dataclass: annotation, default, and docstring as the help.

Training reads the same declarations through jsonargparse, which adds job files; every other command through here.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import inspect
import textwrap
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Options = TypeVar("Options")


def option(
    default: Any = dataclasses.MISSING,
    *,
    names: Sequence[str] = (),
    positional: bool = False,
    least: float | None = None,
    most: float | None = None,
    completer: Callable[..., list[str]] | None = None,
    group: str | None = None,
    **argument: Any,
) -> Any:
    """A field whose option needs more than annotation, default and docstring; without a default it is required.

    names: on the command line, if not --FIELD-NAME. least, most: bounds of a number. completer: what argcomplete asks.
    group: heading in the help. argument: more for argparse, such as metavar, nargs, choices or type.
    """
    facts = {"names": names, "positional": positional, "least": least, "most": most, "completer": completer}
    facts.update(group=group, argument=argument)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: default.copy(), metadata=facts)
    return dataclasses.field(default=default, metadata=facts)


def make_parser(
    kind: type,
    prog: str,
    *,
    usage: str,
    example: str,
    first: Sequence[str] = (),
    into: argparse.ArgumentParser | None = None,
) -> argparse.ArgumentParser:
    """The parser of a command whose options are the fields of `kind`, and whose description is its docstring.

    usage: what follows prog on the first line. first: fields that come before all others in the help. into: a parser
    to fill, such as a subcommand's.
    """
    parser = into or argparse.ArgumentParser(prog=prog)
    parser.usage = f"{prog} {usage}"
    parser.description = inspect.getdoc(kind)
    parser.epilog = f"Example:\n  {prog} {example}"
    parser.formatter_class = HelpFormatter
    add_options(parser, kind, first)
    return parser


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps the description, and keeps the lines of the examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = argparse.HelpFormatter._fill_text.__get__(self)
        return super()._fill_text(text, width, indent) if "\n  " in text else str(fill(text, width, indent))


def add_options(parser: argparse.ArgumentParser, kind: type, first: Sequence[str] = ()) -> None:
    """Add one argument for each field of a dataclass, those named in `first` under the first heading."""
    hints, texts = typing.get_type_hints(kind), docstrings(kind)
    groups: dict[str, Any] = {}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in [*first, *(name for name in fields if name not in first)]:
        field = fields[name]
        heading = "most used" if name in first else field.metadata.get("group")
        if heading and heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
            if name in first:
                # Before the headings that argparse makes itself.
                parser._action_groups.insert(0, parser._action_groups.pop())
        _add(groups[heading] if heading else parser, field, hints[name], texts.get(name, ""))


def read_options(kind: type[Options], arguments: argparse.Namespace) -> Options:
    """The dataclass that a parsed command line fills."""
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


@functools.cache
def docstrings(kind: type) -> dict[str, str]:
    """The string that follows each field of a dataclass or of its bases, by the field's name, on one line."""
    texts: dict[str, str] = {}
    for owner in reversed(kind.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0].body  # type: ignore[attr-defined]
        for field, text in zip(body, body[1:]):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]
    return texts


def _add(parser: Any, field: dataclasses.Field[Any], hint: Any, text: str) -> None:
    facts = field.metadata
    argument: dict[str, Any] = {"help": text.replace("%", "%%")}
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    required = default is dataclasses.MISSING
    default = None if required else default
    if not required and default not in (None, False, True, "", (), []):
        shown = ",".join(map(str, default)) if isinstance(default, (tuple, list)) else default
        argument["help"] += f" (default {shown})"
    argument.update(_of_type(hint, default, facts))
    argument.update(facts.get("argument", {}))
    if facts.get("positional"):
        if not required:
            argument.update(default=default, nargs=argument.get("nargs", "?"))
        action = parser.add_argument(field.name, **argument)
    else:
        names = facts.get("names") or ("--" + field.name.replace("_", "-"),)
        action = parser.add_argument(*names, dest=field.name, default=default, required=required, **argument)
    if facts.get("completer"):
        # Where argcomplete looks for it.
        action.completer = facts["completer"]


def _of_type(hint: Any, default: Any, facts: Any) -> dict[str, Any]:
    """What an annotation says to argparse."""
    if typing.get_origin(hint) is typing.Union:
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        return {"action": "store_false" if default else "store_true"}
    if origin is typing.Literal:
        return {"choices": parts}
    if origin in (list, tuple):
        return {"nargs": "+", **_of_type(parts[0], None, facts)}
    least, most = facts.get("least"), facts.get("most")
    if least is not None or most is not None:
        return {"type": bounded(hint, least, most), "metavar": "N"}
    return {"type": hint, "metavar": "N" if hint in (int, float) else "PATH" if hint is Path else "TEXT"}


def bounded(kind: Callable[[str], Any], least: float | None = None, most: float | None = None) -> Callable[[str], Any]:
    """A type of argparse's: numbers from `least` to `most`."""
    low, high = -float("inf") if least is None else least, float("inf") if most is None else most

    def number(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            limits = f"{low:g} or more" if most is None else f"{low:g} to {high:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range; expected {limits}")
        return value

    number.__name__ = kind.__name__
    return number
