"""Findings as lines to read: a status, a name, what was found, and under what is wrong the commands that mend it."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from typing import TextIO

from launch.doctor.finding import FAIL, OK, SKIP, WARN, Finding

_COLOURS = {OK: "32", WARN: "33", FAIL: "31;1", SKIP: "2"}
_FIX = "fix: "


def finding_lines(finding: Finding, name_width: int, colour: bool, width: int) -> list[str]:
    """width: of the terminal, for what was found; a command is never broken."""
    indent = " " * (name_width + 8)
    status = f"{finding.status:4}"
    if colour:
        status = f"\033[{_COLOURS[finding.status]}m{status}\033[0m"
    first, *more = textwrap.wrap(finding.found, max(40, width - len(indent)), break_on_hyphens=False) or [""]
    lines = [f"{status}  {finding.name:{name_width}}  {first}", *(indent + line for line in more)]
    for number, command in enumerate(finding.fix.splitlines()):
        lines.append(f"{indent}{_FIX if number == 0 else ' ' * len(_FIX)}{command}")
    return lines


def total_line(found: list[Finding]) -> str:
    """How many of which status."""
    count = Counter(finding.status for finding in found)
    parts = [f"{count[OK]} ok"]
    parts += [f"{count[WARN]} warning{'s' if count[WARN] > 1 else ''}"] if count[WARN] else []
    parts += [f"{count[FAIL]} FAILED"] if count[FAIL] else []
    parts += [f"{count[SKIP]} skipped"] if count[SKIP] else []
    return f"{len(found)} check{'s' if len(found) != 1 else ''}: {', '.join(parts)}"


def as_json(found: list[Finding]) -> str:
    count = Counter(finding.status for finding in found)
    record = {
        "findings": [finding._asdict() for finding in found],
        "totals": {status: count[status] for status in (OK, WARN, FAIL, SKIP)},
    }
    return json.dumps(record, indent=1, ensure_ascii=False)


def terminal_width(stream: TextIO) -> int:
    """Columns of a terminal; what is written elsewhere is not wrapped."""
    return shutil.get_terminal_size().columns if stream.isatty() else 10_000
