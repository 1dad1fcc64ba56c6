"""What the commands that start trainings share: arguments, YAML files, signals, and ending with one sentence."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ner_dist.cli.options import make_parser, read_options
from ner_dist.errors import UserError
from ner_dist.foreign import yaml_files

Options = TypeVar("Options")


def parse(
    kind: type[Options], module: str, argv: list[str] | None, example: str, first: tuple[str, ...]
) -> tuple[Options, list[str], str]:
    """The options of `python -m module`, a dataclass; the knobs after --, if the example has some; the whole command.

    argv: the arguments, sys.argv if None.
    """
    argv, takes_knobs = sys.argv[1:] if argv is None else argv, " -- " in example
    at = argv.index("--") if takes_knobs and "--" in argv else len(argv)
    prog = f"python -m {module}"
    # No abbreviations: --seed could mean a knob.
    made = argparse.ArgumentParser(prog=prog, allow_abbrev=False)
    usage = "FILE [options]" + " [-- --KNOB VALUE ...]" * takes_knobs
    make_parser(kind, prog, usage=usage, example=example, first=first, into=made)
    return read_options(kind, made.parse_args(argv[:at])), argv[at + 1 :], f"{prog} {shlex.join(argv)}"


def read_text(path: Path) -> str:
    """A file's text. Raises UserError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def read_yaml(path: Path, known: set[str]) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UserError if the file is absent or holds something else or unknown names."""
    content = yaml_files.read_yaml(path)
    names = ", ".join(sorted(known))
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, expected a mapping with {names}")
    unknown = sorted(set(map(str, content)) - known)
    if unknown:
        raise UserError(f"{path}: unknown {', '.join(unknown)}; expected {names}")
    return content


def knobs_in(content: dict[str, Any], name: str) -> dict[str, Any]:
    """The knobs under a name, by their dotted names; empty if there are none. Raises UserError for anything else."""
    found = content.get(name) or {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserError(f"{name} is {found}, expected section.knob: value")
    return found


@contextlib.contextmanager
def handling(numbers: Iterable[signal.Signals], handler: Callable[[int, Any], Any]) -> Iterator[None]:
    """Have a handler for these signals meanwhile."""
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, former in before:
            signal.signal(number, former)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """End the process with one sentence instead of a traceback for a user's mistake or an interrupt.

    SIGTERM and the end of the terminal interrupt like Ctrl-C.
    """
    # An ignored signal, as under nohup, stays ignored.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    try:
        with handling(numbers, _interrupt):
            yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("error: interrupted; repeat the command to continue", file=sys.stderr)
        sys.exit(130)
