"""The command: its options, what it shows while it works, and its exit code."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from typing import Any

from launch.doctor.examination import CHECKS, HOST_CHECKS, findings, planned
from launch.doctor.finding import FAIL, Finding
from launch.doctor.machine import Machine, Options
from launch.doctor.report import as_json, finding_lines, terminal_width, total_line
from ner_dist.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0, 1 if a check failed, 2 for a wrong command line, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m launch doctor",
        description="Say what this machine, or those of a list, lack for training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(parser)
    words = [re.sub(r"^-np(?=$|=)", "--np", word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        return run(parser.parse_args(words))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output, such as head, has seen enough.
        os._exit(0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options on a parser, argparse's or jsonargparse's."""
    names = [*CHECKS, *HOST_CHECKS]
    parser.add_argument("--hosts", metavar="FILE", help="examine these hosts, too; a line each: node1 slots=2")
    parser.add_argument("--np", type=int, default=2, metavar="N", help="ranks of the job")
    parser.add_argument("--shards", default=Options.shards, metavar="DIR", help="its shards")
    parser.add_argument("--run", default=Options.run, metavar="DIR", help="where it writes")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help=f"only these checks, of {', '.join(names)}"
    )


def options_of(arguments: Any) -> Options:
    """The options of parsed arguments; of whatever type, as long as it has them."""
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(Options)}
    return Options(**{**values, "only": tuple(values["only"] or ())})


def examine(options: Options, machine: Machine | None = None) -> list[Finding]:
    """All findings. Raises DoctorError for options that make no sense."""
    return list(findings(machine or Machine(), options))


def run(arguments: Any) -> int:
    """Examine and print; 1 if anything failed, else 0. Raises DoctorError."""
    options, machine = options_of(arguments), Machine()
    width = max((len(name) for name, _ in planned(machine, options)), default=0)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    found = []
    for finding in findings(machine, options, _say if sys.stderr.isatty() else lambda name: None):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        found.append(finding)
        if not options.json:
            print("\n".join(finding_lines(finding, width, colour, terminal_width(sys.stdout))), flush=True)
    print(as_json(found) if options.json else total_line(found), flush=True)
    return 1 if any(finding.status == FAIL for finding in found) else 0


def _say(name: str) -> None:
    print(f"\r\033[K      {name} ...", end="", file=sys.stderr, flush=True)
