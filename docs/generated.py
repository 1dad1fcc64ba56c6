"""A Sphinx extension that writes the reference out of the code: knobs, jobs, settings of launch, and commands.

A page says `<!-- generated: knobs -->` where the text belongs. Nothing here is kept: what the code says now is shown.
"""

from __future__ import annotations

import ast
import concurrent.futures
import dataclasses
import importlib
import inspect
import math
import os
import re
import subprocess
import sys
import textwrap
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from launch import commands as launchers
from ner_dist import config

ROOT = Path(__file__).resolve().parents[1]
PLACE = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.M)
# Ends of ranges that knobs have, tried one after another.
_LARGE = (1e9, 1.0, 0.95)
_HELP_COLUMNS = "96"


class Field(typing.NamedTuple):
    """A field of a dataclass, in words."""

    name: str
    kind: str
    default: Any
    meaning: str


def docstrings(kind: type) -> dict[str, str]:
    """The text below each field of a dataclass."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in zip(definition.body, definition.body[1:]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def kind_in_words(hint: Any) -> str:
    """A type as a user of the command line would name it."""
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is typing.Union:
        return " or ".join("`null`" if part is type(None) else kind_in_words(part) for part in arguments)
    if origin is list:
        return f"list of {kind_in_words(arguments[0])}"
    if origin is dict:
        return f"mapping of {kind_in_words(arguments[0])} to {kind_in_words(arguments[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "anything"}
    return names.get(hint) or hint.__name__


def fields(kind: type) -> list[Field]:
    hints, texts = typing.get_type_hints(kind), docstrings(kind)
    values = kind()
    return [
        Field(field.name, kind_in_words(hints[field.name]), getattr(values, field.name), texts.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def as_yaml(value: Any) -> str:
    """A value as it stands in a job file, in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True).splitlines()[0]


def _allowed(name: str, value: Any) -> bool:
    section, knob = name.split(".")
    tried = config.Config()
    setattr(getattr(tried, section), knob, value)
    try:
        config._check(tried)
    except config.ConfigError:
        return False
    return True


def number_range(name: str) -> str:
    """The range of a number, found by trying: the config's own check is the only place that knows it."""
    value = config.flat(config.Config())[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    whole = isinstance(value, int)
    least = "0 or more" if _allowed(name, 0) else "1 or more" if whole else "above 0"
    # For odd numbers alone, an even one fails wherever it lies.
    if whole and _allowed(name, 1) and not _allowed(name, 2):
        return "odd"
    if whole or _allowed(name, _LARGE[0]):
        return least
    most = next(edge for edge in _LARGE[1:] if _allowed(name, edge) or _allowed(name, edge - 1e-6))
    low = "0" if least == "0 or more" else "above 0"
    return f"{low} to {most:g}" if _allowed(name, most) else f"{low} to below {most:g}"


def knobs() -> str:
    """Every knob of training, by section."""
    lines = []
    for section in dataclasses.fields(config.Config):
        kind = typing.get_type_hints(config.Config)[section.name]
        if not dataclasses.is_dataclass(kind):
            run = next(field for field in fields(config.Config) if field.name == section.name)
            lines += _entry(run, run.name, "", "##")
            continue
        lines += [f"## {section.name}", "", inspect.getdoc(kind) or "", ""]
        for field in fields(kind):  # type: ignore[arg-type]
            name = f"{section.name}.{field.name}"
            facts = "may change when a run is resumed" if name in config.RESUMABLE else ""
            lines += _entry(field, name, "; ".join(filter(None, [number_range(name), facts])))
    return "\n".join(lines)


def _entry(field: Field, name: str, facts: str, level: str = "###") -> list[str]:
    default = "required" if field.default is dataclasses.MISSING else f"default `{as_yaml(field.default)}`"
    about = "; ".join(filter(None, [field.kind, default, facts]))
    return [f"{level} {name}", "", "```{container} knob-facts", about, "```", "", _as_text(field.meaning), ""]


def _as_text(meaning: str) -> str:
    """A docstring whose <angles> are no HTML; those in `code` are none anyway."""
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", meaning)
    )


def jobs() -> str:
    """What each job file says that the defaults do not."""
    names = sorted((ROOT / "job").glob("*.yaml"))
    told = {path.name: config.flat(config.parse(["--config", str(path)])[0]) for path in names}
    defaults = config.flat(config.Config())
    differing = [knob for knob in defaults if any(values[knob] != defaults[knob] for values in told.values())]
    lines = ["| knob | if not given | " + " | ".join(told) + " |", "|---" * (2 + len(told)) + "|"]
    for knob in differing:
        cells = [as_yaml(defaults[knob])]
        cells += ["" if job[knob] == defaults[knob] else as_yaml(job[knob]) for job in told.values()]
        lines.append(
            f"| [{knob}](#{knob.replace('.', '')}) | " + " | ".join(f"`{c}`" if c else "" for c in cells) + " |"
        )
    return "\n".join(lines)


def settings() -> str:
    """The options of every command of launch that starts training, from its dataclass."""
    lines = []
    for name, command in launchers.COMMANDS.items():
        kind = getattr(importlib.import_module(command.module), command.options, None)
        if command.trains and kind is not None:
            lines += [f"## {name}", "", f"`python -m launch {name}`: {command.summary}.", ""]
            for field in fields(kind):
                lines += _entry(field, f"{name} {field.name}", "")
    return "\n".join(lines)


def entry_points() -> list[list[str]]:
    """What a user starts: the module, and the subcommand of those that have some."""
    found = [["data_prep"], *(["data_prep", name] for name in _subcommands("data_prep"))]
    found += [["launch"], *(["launch", name] for name in launchers.COMMANDS)]
    for room in ("ner_dist", "bench"):
        for path in sorted((ROOT / room).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in text and (room == "ner_dist" or "ArgumentParser(" in text):
                found.append([f"{room}.{path.stem}"])
    return found


def _subcommands(module: str) -> list[str]:
    return sorted(set(re.findall(rf"python -m {module} (\w+)", help_text([module]))))


def help_text(command: list[str]) -> str:
    environment = {**os.environ, "COLUMNS": _HELP_COLUMNS, "PYTHONPATH": str(ROOT)}
    started = [sys.executable, "-m", *command, "--help"]
    return subprocess.run(started, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def commands() -> str:
    """What every command says of itself."""
    points = entry_points()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(help_text, points))
    lines = []
    for command, text in zip(points, texts):
        level = "###" if len(command) > 1 else "##"
        lines += [f"{level} python -m {' '.join(command)}", "", "```text", text.strip(), "```", ""]
    return "\n".join(lines)


WRITERS: dict[str, Callable[[], str]] = {"knobs": knobs, "jobs": jobs, "settings": settings, "commands": commands}


def fill(app: Any, name: str, source: list[str]) -> None:
    """Put the generated texts into a page that was read."""
    source[0] = PLACE.sub(lambda place: WRITERS[place[1]](), source[0])


def note_dependencies(app: Any, environment: Any, added: Any, changed: Any, removed: Any) -> list[str]:
    """These pages are read anew every time, as the code they come from may have changed."""
    return [name for name in environment.found_docs if PLACE.search(Path(environment.doc2path(name)).read_text())]


def setup(app: Any) -> dict[str, Any]:
    app.connect("source-read", fill)
    app.connect("env-get-outdated", note_dependencies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
