"""Where the lines of a command go: its report to stdout, unless what was asked for goes there."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

# The name of stdout, where a file may be named.
STDOUT = "-"


def report_stream(out: str | None) -> TextIO:
    """For the report of a command whose output, or list, is called `out`."""
    return sys.stderr if out == STDOUT else sys.stdout


def print_to_stderr(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
