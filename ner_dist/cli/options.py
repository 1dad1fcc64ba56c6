"""Command-line options declared once, as the fields of a dataclass: annotation, default, and docstring as the help.

Training reads the same declarations through jsonargparse, which adds job files; every other command through here.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from ner_dist.cli.places import place, place_as_given, place_or_address

Options = TypeVar("Options")
# Metavars with one of these words stand for paths, also where the option is text.
_PLACES = {"DIR", "FILE", "HTML", "IN", "MODEL", "OUT", "PATH", "RUN", "SHARDS"}


def option(
    default: Any = dataclasses.MISSING,
    *,
    names: Sequence[str] = (),
    positional: bool = False,
    least: float | None = None,
    most: float | None = None,
    completer: Callable[..., list[str]] | None = None,
    group: str | None = None,
    stores: bool = False,
    **argument: Any,
) -> Any:
    """A field whose option needs more than annotation, default and docstring; without a default it is required.

    names: on the command line, if not --FIELD-NAME. least, most: bounds of a number. completer: what argcomplete asks.
    group: heading in the help. argument: more for argparse: metavar, nargs, choices, type, or a computed help.

    Paths are fields of type Path, or text with a metavar such as FILE. stores: that they may also be addresses such as
    s3://bucket/name, which a field of type Union[Path, Address] has parsed, and one of text as they are.
    """
    facts = {"names": names, "positional": positional, "least": least, "most": most, "completer": completer}
    facts.update(group=group, stores=stores, argument=argument)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: default.copy(), metadata=facts)
    return dataclasses.field(default=default, metadata=facts)


def nested(
    kind: type, only: Sequence[str] | None = None, names: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Any:
    """A field that holds a dataclass of options of its own, so that several commands share their declaration.

    only: the fields that become options; the others keep their defaults. names: options by field, if not --FIELD-NAME.
    """
    facts = {"only": [field.name for field in dataclasses.fields(kind)] if only is None else only, "renamed": names}
    return dataclasses.field(default_factory=kind, metadata=facts)


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

    usage: what follows prog on the first line. example: arguments that follow prog. first: fields that come before all
    others in the help; those of a nested dataclass as FIELD.NAME. into: a parser to fill, for example a subcommand's.
    """
    parser = into or argparse.ArgumentParser(prog=prog)
    parser.usage = f"{prog} {usage}"
    parser.description = f"{inspect.getdoc(kind)}\n\nExample:\n  {prog} {example}"
    parser.formatter_class = HelpFormatter
    add_options(parser, kind, first)
    return parser


class HelpFormatter(argparse.HelpFormatter):
    """Fills the paragraphs of a description, and keeps the lines of those that have an indented one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        paragraphs = text.split("\n\n")
        return "\n\n".join(part if "\n  " in part else fill(part, width, indent) for part in paragraphs)


class _Gather(argparse.Action):
    """Several values after one option, or after each of several: argparse itself would keep the last option's alone."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if before is self.default else before), *values])


class _Option(NamedTuple):
    # The field's name, after that of the nested dataclass and a dot if it is in one.
    destination: str
    field: dataclasses.Field[Any]
    hint: Any
    help: str
    names: Sequence[str]


def _options(kind: type) -> Iterator[_Option]:
    hints, texts = typing.get_type_hints(kind), docstrings(kind)
    for field in dataclasses.fields(kind):
        if "only" in field.metadata:
            inner = {option.destination: option for option in _options(hints[field.name])}
            for name in field.metadata["only"]:
                option = inner[name]
                names = field.metadata["renamed"].get(name, option.names)
                yield option._replace(destination=f"{field.name}.{option.destination}", names=names)
        else:
            names = field.metadata.get("names") or ("--" + field.name.replace("_", "-"),)
            text = field.metadata.get("argument", {}).get("help") or texts.get(field.name, "")
            yield _Option(field.name, field, hints[field.name], text, names)


def add_options(parser: argparse.ArgumentParser, kind: type, first: Sequence[str] = ()) -> None:
    """Add one argument for each field of a dataclass, those named in `first` under the first heading."""
    groups: dict[str, Any] = {}
    options = {option.destination: option for option in _options(kind)}
    for name in [*first, *(name for name in options if name not in first)]:
        option = options[name]
        heading = "most used" if name in first else option.field.metadata.get("group")
        if heading and heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
            if name in first:
                # Before the headings that argparse makes itself.
                parser._action_groups.insert(0, parser._action_groups.pop())
        _add(groups[heading] if heading else parser, option)


def read_options(kind: type[Options], arguments: argparse.Namespace, prefix: str = "") -> Options:
    """The dataclass that a parsed command line fills. Raises what its __post_init__ raises."""
    hints, values = typing.get_type_hints(kind), {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name, hint = prefix + field.name, hints[field.name]
        if "only" in field.metadata:
            values[field.name] = read_options(hint, arguments, f"{name}.")
        elif hasattr(arguments, name):
            value = getattr(arguments, name)
            # argparse gathers several values in a list.
            is_tuple = isinstance(value, list) and typing.get_origin(hint) is tuple
            values[field.name] = tuple(value) if is_tuple else value
    return kind(**values)


@functools.lru_cache(maxsize=None)  # noqa: UP033, Python 3.8 must get as far as the doctor
def docstrings(kind: type) -> dict[str, str]:
    """The string that follows each field of a dataclass or of its bases, by the field's name, on one line."""
    texts: dict[str, str] = {}
    for owner in reversed(kind.__mro__[:-1]):
        body = _class_bodies(owner.__module__)[owner.__name__]
        for field, text in zip(body, body[1:]):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]
    return texts


@functools.lru_cache(maxsize=None)  # noqa: UP033, Python 3.8 must get as far as the doctor
def _class_bodies(module: str) -> dict[str, list[ast.stmt]]:
    # Once a module: inspect.getsource of a class would parse the whole file for each.
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _add(parser: Any, option: _Option) -> None:
    field, facts = option.field, option.field.metadata
    given, text = facts.get("argument", {}), option.help
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    required = default is dataclasses.MISSING
    default = None if required else default
    if not (default is None or isinstance(default, bool) or default in ("", (), [])):
        shown = ",".join(map(str, default)) if isinstance(default, (tuple, list)) else default
        text += f" (default {shown})"
    argument = {**_of_type(option.hint, default, facts), **given, "help": text.replace("%", "%%")}
    if "nargs" in given and argument.get("action") is _Gather:
        # One value, whatever its type: the last one counts.
        del argument["action"]
    if "choices" in given and "metavar" not in given:
        # argparse then shows the choices.
        argument.pop("metavar", None)
    names = option.names
    if not facts.get("positional"):
        argument.update(dest=option.destination, default=default, required=required)
    else:
        names = (option.destination,)
        if not required:
            argument.update(default=default, nargs=argument.get("nargs", "?"))
    action = parser.add_argument(*names, **argument)
    if facts.get("completer"):
        # Where argcomplete looks for it.
        action.completer = facts["completer"]


def _of_type(hint: Any, default: Any, facts: Any) -> dict[str, Any]:
    """What an annotation means for argparse."""
    if typing.get_origin(hint) is typing.Union:
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        return {"action": "store_false" if default else "store_true"}
    if origin is typing.Literal:
        return {"choices": parts}
    if origin in (list, tuple):
        return {"nargs": "+", "action": _Gather, **_of_type(parts[0], None, facts)}
    least, most = facts.get("least"), facts.get("most")
    if least is not None or most is not None:
        return {"type": bounded(hint, least, most), "metavar": "N"}
    if hint is Path:
        return {"type": place_or_address if facts.get("stores") else lambda text: Path(place(text)), "metavar": "PATH"}
    metavar = facts.get("argument", {}).get("metavar") or ""
    if hint is str and not _PLACES.isdisjoint(re.findall("[A-Z]+", metavar)):
        return {"type": place_as_given if facts.get("stores") else place}
    return {"type": hint, "metavar": "N" if hint in (int, float) else "TEXT"}


def bounded(kind: Callable[[str], Any], least: float | None = None, most: float | None = None) -> Callable[[str], Any]:
    """A type for argparse: numbers from `least` to `most`."""
    low, high = -float("inf") if least is None else least, float("inf") if most is None else most

    def number(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            limits = f"{low:g} or more" if most is None else f"{low:g} to {high:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range; expected {limits}")
        return value

    number.__name__ = kind.__name__
    return number
