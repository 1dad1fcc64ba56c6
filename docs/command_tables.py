"""A command's parser -> Markdown: what to type first, what the command does, and its options as tables."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
from unittest import mock

from ner_dist.__main__ import COMMANDS as FRONT_DOOR

_SHORT = {row.module: f"ner-dist {name}" for name, row in FRONT_DOOR.items()}


def shown_name(module: str, *subcommand: str) -> str:
    """What people type."""
    return " ".join([_SHORT.get(module, f"python -m {module}"), *subcommand])


def page_of(module: str, *subcommand: str) -> str:
    """The page of a command, in reference/; those of bench share one."""
    name = "bench" if module.startswith("bench.") else shown_name(module, *subcommand).split(" ", 1)[1]
    return f"commands/{name.replace(' ', '-')}.md"


def parser_of(module: str, *subcommand: str) -> argparse.ArgumentParser:
    """The parser whose help `python -m MODULE SUBCOMMAND --help` prints."""
    found: list[argparse.ArgumentParser] = []

    def note(parser: argparse.ArgumentParser, file: object = None) -> None:
        found.append(parser)

    spec = importlib.util.find_spec(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    words = [*subcommand, "--help"]
    typed = mock.patch.object(sys, "argv", [module, *words])
    with mock.patch.object(argparse.ArgumentParser, "print_help", note), typed:
        main = importlib.import_module(f"{module}.__main__" if is_package else module).main
        with contextlib.suppress(SystemExit):
            main(words) if inspect.signature(main).parameters else main()
    return found[0]


def command(module: str, *subcommand: str) -> str:
    """A command's part of a page, without a heading."""
    parser, name = parser_of(module, *subcommand), shown_name(module, *subcommand)
    long = " ".join(["python -m", module, *subcommand])
    # Of argparse's own usage lines, those that were not written for people name every option.
    usage = parser.usage % {"prog": name} if parser.usage else f"{name} [options]"
    prose, examples = _paragraphs((parser.description or "").replace(long, name))
    lines = [] if not examples else ["```text", *examples, "```", ""]
    lines += [*prose, "```text", usage.replace(long, name), "```", ""]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if _is_shown(action)]
        if actions:
            title = (group.title or "")[:1].upper() + (group.title or "")[1:]
            lines += [f"```{{rubric}} {title}", "```", "", "| Option | Meaning |", "|---|---|"]
            lines += [*(f"| {_option(action)} | {_meaning(parser, action)} |" for action in actions), ""]
    lines += [_marked(parser.epilog), ""] if parser.epilog else []
    return "\n".join(lines)


def _paragraphs(description: str) -> tuple[list[str], list[str]]:
    """What is to be read, and the lines to type."""
    prose, examples = [], []
    for paragraph in inspect.cleandoc(description).split("\n\n"):
        if "\n  " in paragraph:
            first, *rest = paragraph.splitlines()
            examples += [line.strip() for line in rest]
            prose += [] if first.startswith("Example") else [_marked(first), ""]
        else:
            prose += [_marked(paragraph), ""]
    return prose, examples


def _is_shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)


def _option(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 or action.choices is not None else _metavar(action)
    if not action.option_strings:
        return f"`{_metavar(action)}`"
    names = [name for name in action.option_strings if name.startswith("--")] or action.option_strings
    return _cell(" ".join(filter(None, [f"`{names[0]}`", value and f"`{value}`"])))


def _metavar(action: argparse.Action) -> str:
    name = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    name = " ".join(name) if isinstance(name, tuple) else str(name)
    return f"{name} ..." if action.nargs in ("+", "*") else name


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    text = _marked(" ".join(text.split()))
    choices = [] if isinstance(action, argparse._SubParsersAction) else [str(name) for name in action.choices or ()]
    if choices:
        text = _with_choices(choices, text)
    return _cell(text)


def _with_choices(choices: list[str], text: str) -> str:
    """A line for each choice that the text explains as "NAME: meaning"; the names first if that leaves some out."""
    name = f"(?:{'|'.join(map(re.escape, sorted(choices, key=len, reverse=True)))})"
    explained = re.compile(rf"(?:^|; )({name}(?:(?:, | and ){name})*): ")
    said = {word for found in explained.findall(text) for word in re.findall(name, found)}
    text = explained.sub(r"<br>**\1**: ", text).removeprefix("<br>")
    return text if said == set(choices) else f"{', '.join(f'`{choice}`' for choice in choices)}: {text}"


def _marked(text: str) -> str:
    """A text in which nothing but `code` is markup; options are code, or typography makes a dash of two hyphens."""
    return "".join(part if part.startswith("`") else _plain(part) for part in re.split(r"(`[^`]*`)", text))


def _plain(text: str) -> str:
    return re.sub(r"(?<![\w-])(--?[a-z][\w.-]*\w|--(?=\s))", r"`\1`", re.sub(r"([*_<\[])", r"\\\1", text))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
