"""`python -m launch doctor`: its options, its output, its progress in a terminal, and its exit code."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
from typing import NoReturn

from launch.doctor.examination import CHECKS, HOST_CHECKS, findings, planned
from launch.doctor.finding import FAIL, Finding, as_json, finding_lines, total_line
from launch.doctor.machine import DoctorOptions, Machine
from launch.launch_errors import UsageError
from ner_dist.cli.options import make_parser, read_options

_PROG = "python -m launch doctor"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def doctor_parser() -> argparse.ArgumentParser:
    parser = make_parser(
        DoctorOptions,
        _PROG,
        usage="[--hosts FILE] [--np N] [--shards DIR] [--run DIR] [--json] [--only NAME ...]",
        example="--hosts launch/hosts --np 4 --shards data/mine",
        first=("hosts", "np", "shards", "run"),
        into=_Parser(prog=_PROG, allow_abbrev=False),
    )
    parser.epilog = f"The checks are {', '.join(CHECKS)}; and of each host of a list {', '.join(HOST_CHECKS)}."
    (only,) = (action for action in parser._actions if action.dest == "only")
    only.choices = [*CHECKS, *HOST_CHECKS]
    return parser


def examine_and_print(words: list[str]) -> int:
    """Examine and print as the command line says; 1 if a check failed, else 0. Raises UsageError."""
    # Like Ctrl-C, so that what the checks have started is ended, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    given = doctor_parser().parse_args([re.sub(r"^-np(?=$|=)", "--np", word) for word in words])
    options, machine = read_options(DoctorOptions, given), Machine()
    name_width = max((len(name) for name, _ in planned(machine, options)), default=0)
    terminal = sys.stdout.isatty()
    colour = terminal and "NO_COLOR" not in os.environ
    # Elsewhere nothing is wrapped.
    width = shutil.get_terminal_size().columns if terminal else 10_000
    found = []
    for finding in findings(machine, options, _show_progress):
        _show_progress(None)
        found.append(finding)
        if not options.json:
            print("\n".join(finding_lines(finding, name_width, colour, width)), flush=True)
    print(as_json(found) if options.json else total_line(found), flush=True)
    return 1 if any(finding.status == FAIL for finding in found) else 0


def examine(options: DoctorOptions) -> list[Finding]:
    """All findings. Raises UsageError for options that make no sense."""
    return list(findings(Machine(), options))


def _show_progress(name: str | None) -> None:
    """Name the check that is under way in the terminal's last line, or clear the line."""
    if sys.stderr.isatty():
        print("\r\033[K" + (f"      {name} ..." if name else ""), end="", file=sys.stderr, flush=True)
