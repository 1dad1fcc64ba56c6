"""What the commands that start trainings share: their options, and how they end when something is wrong."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.training import Layout
from ner_dist.errors import UserError


def parser(module: str, about: str, example: str, knobs: bool = True) -> argparse.ArgumentParser:
    """A command line of `python -m module` with how trainings share the machine; knobs: whether it takes any."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=about,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"%(prog)s [options] FILE{' [-- --KNOB VALUE ...]' if knobs else ''}",
        allow_abbrev=False,
    )
    made.add_argument("--np", type=positive, default=1, metavar="N", help="ranks of a training (1)")
    made.add_argument("--hostfile", help="the hosts of the ranks, as in launch/hosts.example")
    made.add_argument("--parallel", type=positive, default=1, metavar="K", help="trainings at the same time (1)")
    return made


def add_seeds(made: argparse.ArgumentParser) -> None:
    """The options of what is trained at several seeds and recorded."""
    made.add_argument("--seeds", type=positive, default=3, metavar="N", help="how many (3)")
    made.add_argument("--first", type=positive, default=1, metavar="SEED", help="the first of them (1)")
    made.add_argument("--command", help="what to record as the command; this one if not given")
    made.add_argument("--results", type=Path, default=Path("job"), help="folder of the record (job)")
    made.add_argument("--no-record", action="store_true", help="only show the tables")


def layout(given: argparse.Namespace) -> Layout:
    return Layout(given.np, given.parallel, given.hostfile)


def seeds(given: argparse.Namespace) -> range:
    return range(given.first, given.first + given.seeds)


def positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def split(argv: list[str]) -> tuple[list[str], list[str]]:
    """A command line's own words, and the knobs behind --."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def read_yaml(path: Path, known: set[str]) -> dict[str, Any]:
    """The mapping in a YAML file, of known names. Raises UserError if it is absent or holds something else."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    names = ", ".join(sorted(known))
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, expected a mapping with {names}")
    unknown = sorted(set(map(str, content)) - known)
    if unknown:
        raise UserError(f"{path}: unknown {', '.join(unknown)}; expected {names}")
    return content


def mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    """What stands under a name: knobs by their dotted names; empty if there is nothing."""
    found = content.get(name) or {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserError(f"{name} is {found}, expected section.knob: value")
    return found


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """End the process with a sentence, and no traceback, for what the user can mend or has stopped."""
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("error: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
