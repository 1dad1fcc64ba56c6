"""The command: its options, what it shows while it works, and its exit code."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from typing import NoReturn

from launch.doctor.examination import CHECKS, HOST_CHECKS, findings, planned
from launch.doctor.finding import FAIL, Finding
from launch.doctor.machine import Machine, Options
from launch.doctor.report import as_json, finding_lines, terminal_width, total_line
from launch.errors import UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    names = [*CHECKS, *HOST_CHECKS]
    parser = _Parser(
        prog="python -m launch doctor",
        description="Say what this machine, or those of a list, lack for training.",
        epilog=f"The checks are {', '.join(CHECKS)}; and of each host of a list {', '.join(HOST_CHECKS)}.",
        allow_abbrev=False,
    )
    parser.add_argument("--hosts", metavar="FILE", help="examine these hosts, too; a line each: node1 slots=2")
    parser.add_argument(
        "--np", type=int, default=Options.np, metavar="N", help="ranks of the job (default: %(default)s)"
    )
    parser.add_argument("--shards", default=Options.shards, metavar="DIR", help="its shards (default: %(default)s)")
    parser.add_argument("--run", default=Options.run, metavar="DIR", help="where it writes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=names, metavar="NAME", help="make these checks alone, of those below"
    )
    return parser


def examine_as_told(words: list[str]) -> int:
    """Examine and print as the command line says; 1 if anything failed, else 0. Raises UsageError."""
    # As Ctrl-C, so that what the checks have started is ended, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    given = parser().parse_args([re.sub(r"^-np(?=$|=)", "--np", word) for word in words])
    return run(Options(**{**vars(given), "only": tuple(given.only)}))


def examine(options: Options, machine: Machine | None = None) -> list[Finding]:
    """All findings. Raises UsageError for options that make no sense."""
    return list(findings(machine or Machine(), options))


def run(options: Options) -> int:
    """Examine and print; 1 if anything failed, else 0. Raises UsageError."""
    machine = Machine()
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
