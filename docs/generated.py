"""A Sphinx extension that generates the reference from the code: knobs, jobs, commands, launch settings, Python names.

A page contains `<!-- generated: knobs -->` where the text belongs. Nothing is stored: pages show the code as it is now.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from command_tables import command, page_of, parser_of, shown_name

import ner_dist
from data_prep.commands.table import COMMANDS as PREPARATION
from data_prep.formats.table import FORMATS
from data_prep.writers.table import WRITERS as OUTPUT_FORMATS
from launch.launchers import LAUNCHERS
from ner_dist import config
from ner_dist.__main__ import COMMANDS as FRONT_DOOR
from ner_dist.cli.options import docstrings
from ner_dist.config.checks import check
from ner_dist.contract import language_rules

ROOT = Path(__file__).resolve().parents[1]
# What is generated, and of what.
PLACE = re.compile(r"^<!-- generated: ([\w-]+)((?: [\w.-]+)*) -->$", re.M)
# Upper ends of ranges that knobs have, tried in turn.
_LARGE = (1e9, 1.0, 0.95)


class Field(typing.NamedTuple):
    """A field of a dataclass, described."""

    name: str
    kind: str
    default: Any
    meaning: str


def kind_in_words(hint: Any) -> str:
    """A type, described for users of the command line."""
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
    """A value as it is written in a job file, on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True).splitlines()[0]


def _allowed(name: str, value: Any) -> bool:
    section, knob = name.split(".")
    tried = config.Config()
    setattr(getattr(tried, section), knob, value)
    try:
        check(tried)
    except config.ConfigError:
        return False
    return True


def number_range(name: str) -> str:
    """The range of a number, found by trial: only the check of the configuration knows it."""
    value = config.flat(config.Config())[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    whole = isinstance(value, int)
    least = "0 or more" if _allowed(name, 0) else "1 or more" if whole else "above 0"
    # If only odd numbers are allowed.
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
    """A docstring in which <angles> are not HTML; Markdown already takes care of those in `code`."""
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", meaning)
    )


def jobs() -> str:
    """The knobs that some job file sets to other values than the defaults."""
    names = sorted((ROOT / "job").glob("*.yaml"))
    values_of_jobs = {path.name: config.flat(config.parse(["--config", str(path)])[0]) for path in names}
    defaults = config.flat(config.Config())
    differing = [knob for knob in defaults if any(values[knob] != defaults[knob] for values in values_of_jobs.values())]
    lines = ["| knob | default | " + " | ".join(values_of_jobs) + " |", "|---" * (2 + len(values_of_jobs)) + "|"]
    for knob in differing:
        cells = [as_yaml(defaults[knob])]
        cells += ["" if job[knob] == defaults[knob] else as_yaml(job[knob]) for job in values_of_jobs.values()]
        lines.append(
            f"| [{knob}](#{knob.replace('.', '')}) | " + " | ".join(f"`{c}`" if c else "" for c in cells) + " |"
        )
    return "\n".join(lines)


def settings() -> str:
    """The options of every command of launch that starts training, from its dataclass."""
    lines = []
    for name, launcher in LAUNCHERS.items():
        lines += [f"## {name}", "", f"`ner-dist launch {name}`: {launcher.summary}.", ""]
        for field in fields(getattr(importlib.import_module(launcher.module), launcher.options)):
            lines += _entry(field, f"{name} {field.name}", "")
    return "\n".join(lines)


def entry_points() -> list[list[str]]:
    """The modules that a user starts, each also with its sub-commands."""
    found = [["ner_dist"], ["ner_dist.suggesting"], ["data_prep"], *(["data_prep", name] for name in PREPARATION)]
    found += [["launch"], *(["launch", name] for name in (*LAUNCHERS, "doctor"))]
    for folder in ("ner_dist", "bench"):
        for path in sorted((ROOT / folder).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in text and path.name != "__main__.py":
                found.append([f"{folder}.{path.stem}"])
    return found


def documented_commands() -> list[list[str]]:
    """Those that have a page or a part of one, in the order of the front door."""
    order = [row.module for row in FRONT_DOOR.values()]
    with_commands = (["ner_dist"], ["data_prep"], ["launch"])
    found = [point for point in entry_points() if point not in with_commands]
    return sorted(found, key=lambda point: order.index(point[0]) if point[0] in order else len(order))


def commands() -> str:
    """Every command with its page and what it is for."""
    rows = []
    for point in documented_commands():
        prose = inspect.cleandoc(parser_of(*point).description or "").split("\n\n")[0]
        rows.append([f"[`{shown_name(*point)}`]({page_of(*point)})", _plain(" ".join(prose.split()))])
    return _table(["Command", "What it does"], rows)


def python() -> str:
    """The public names of ner_dist, with the methods of classes."""
    lines = []
    for name in sorted(set(ner_dist.__all__) - {"__version__"}, key=str.lower):
        value = getattr(ner_dist, name)
        methods = [] if not inspect.isclass(value) else [m for m in vars(value) if not m.startswith("_")]
        lines += [f"## {name}", "", *_described(name, value)]
        for method in methods:
            if callable(getattr(value, method)):
                lines += [f"### {name}.{method}", "", *_described(f"{name}.{method}", getattr(value, method))]
    return "\n".join(lines)


def _described(name: str, value: Any) -> list[str]:
    # Annotations are strings here; they need no quotes.
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(value)))
    return ["```python", f"{name}{signature}", "```", "", _as_text(inspect.getdoc(value) or ""), ""]


def _plain(text: str) -> str:
    """A text in which nothing is markup, and options stay as they are: typography makes a dash of two hyphens."""
    return re.sub(r"(--[\w-]+)", r"`\1`", re.sub(r"([*_<|])", r"\\\1", text))


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows]]
    return "\n".join(lines)


def formats() -> str:
    """The formats that are read, in the order in which a file is tried for them."""
    rows = [
        [f"`{row.name}`", _plain(row.description), _plain(row.evidence), row.default_encoding]
        for row in FORMATS.values()
    ]
    return _table(["`--format`", "What it is", "Recognised by", "Encoding"], rows)


def output_formats() -> str:
    """The formats that `convert` writes, and what each has a place for besides tokens, entities and documents."""
    rows = []
    for row in OUTPUT_FORMATS.values():
        endings = " and ".join(f"`{ending}`" for ending in row.endings)
        features = "any" if row.holds_features is None else ", ".join(row.holds_features) or "none"
        rows.append([f"`{row.name}`", _plain(row.description), endings, "yes" if row.holds_ids else "no", features])
    return _table(["`--to`", "What it is", "Endings", "Ids", "Token features"], rows)


def languages() -> str:
    """The packages that spaCy's rules for some languages need."""
    return _table(["`--language`", "Needs"], [[f"`{code}`", what] for code, what in language_rules._PACKAGES.items()])


WRITERS: dict[str, Callable[..., str]] = {
    "knobs": knobs,
    "jobs": jobs,
    "settings": settings,
    "commands": commands,
    "command": command,
    "formats": formats,
    "output-formats": output_formats,
    "languages": languages,
    "python": python,
}


def fill(app: Any, name: str, source: list[str]) -> None:
    """Insert the generated texts into a page that was read."""
    source[0] = PLACE.sub(lambda place: WRITERS[place[1]](*place[2].split()), source[0])


def note_dependencies(app: Any, environment: Any, added: Any, changed: Any, removed: Any) -> list[str]:
    """Pages with generated texts, which are read again every time because the code may have changed."""
    return [name for name in environment.found_docs if PLACE.search(Path(environment.doc2path(name)).read_text())]


def setup(app: Any) -> dict[str, Any]:
    app.connect("source-read", fill)
    app.connect("env-get-outdated", note_dependencies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
