"""Answers the shell when it asks how a command may go on; ner_dist's commands call it before they parse.

The shell finds commands by the words PYTHON_ARGCOMPLETE_OK at the top of their files. jsonargparse, and with it
ner_dist.train, answers by itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import typing
from collections.abc import Callable


def complete(parser: argparse.ArgumentParser) -> None:
    """Print completions and end the process, if a shell asks for them; nothing without argcomplete."""
    # Looked at first: importing it would take its time at every start.
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)


def offer_choices(parser: argparse.ArgumentParser, sections: type) -> None:
    """Let a shell be told the values that a dataclass of dataclasses allows, where its Literals list them.

    jsonargparse itself completes names, files and booleans only.
    """
    if "_ARGCOMPLETE" not in os.environ:
        return
    choices = {}
    for section, kind in typing.get_type_hints(sections).items():
        for name, hint in typing.get_type_hints(kind).items() if dataclasses.is_dataclass(kind) else ():
            if typing.get_origin(hint) is typing.Literal:
                choices[f"{section}.{name}"] = typing.get_args(hint)
    for action in parser._actions:
        if action.dest in choices:
            # Where argcomplete looks for it.
            action.completer = _completer(choices[action.dest])  # type: ignore[attr-defined]


def _completer(values: tuple[str, ...]) -> Callable[..., list[str]]:
    return lambda **_: list(values)
