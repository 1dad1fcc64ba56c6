"""The outcome of a check, and as text: a status, a name, what was found, and below it the commands that repair it."""

from __future__ import annotations

import json
import os
import shlex
import textwrap
from collections import Counter
from typing import NamedTuple

OK, WARN, FAIL, SKIP = "ok", "warn", "FAIL", "skip"
_COLOURS = {OK: "32", WARN: "33", FAIL: "31;1", SKIP: "2"}


class Finding(NamedTuple):
    # The check's, and the host's if it examines one; empty until the check is named.
    name: str
    # ok; warn: training works, but not at its best; FAIL: it does not work; skip: the check does not apply here.
    status: str
    # One line.
    found: str
    # One command per line, as a shell takes it; what cannot be typed follows #. Empty unless warn or FAIL.
    fix: str = ""


def ok(found: str) -> Finding:
    return Finding("", OK, found)


def skip(found: str) -> Finding:
    return Finding("", SKIP, found)


def warn(found: str, *fix: str) -> Finding:
    assert fix
    return Finding("", WARN, found, "\n".join(fix))


def fail(found: str, *fix: str) -> Finding:
    return warn(found, *fix)._replace(status=FAIL)


def as_root(command: str) -> str:
    """The command as this user types it."""
    return command if os.geteuid() == 0 else f"sudo {command}"


def quoted(text: object) -> str:
    return shlex.quote(str(text))


def finding_lines(finding: Finding, name_width: int, colour: bool, width: int) -> list[str]:
    """width: columns of the terminal, to which the text is wrapped; a command is never wrapped."""
    indent = " " * (name_width + 8)
    status = f"{finding.status:4}"
    if colour:
        status = f"\033[{_COLOURS[finding.status]}m{status}\033[0m"
    first, *more = textwrap.wrap(finding.found, max(40, width - len(indent)), break_on_hyphens=False) or [""]
    lines = [f"{status}  {finding.name:{name_width}}  {first}", *(indent + line for line in more)]
    commands = finding.fix.splitlines()
    return lines + [f"{indent}{'     ' if number else 'fix: '}{command}" for number, command in enumerate(commands)]


def total_line(found: list[Finding]) -> str:
    """The number of checks, in all and by status."""
    count = Counter(finding.status for finding in found)
    words = {OK: "ok", WARN: "warnings" if count[WARN] > 1 else "warning", FAIL: "FAILED", SKIP: "skipped"}
    parts = [f"{count[status]} {word}" for status, word in words.items() if count[status] or status == OK]
    return f"{len(found)} check{'s' if len(found) != 1 else ''}: {', '.join(parts)}"


def as_json(found: list[Finding]) -> str:
    count = Counter(finding.status for finding in found)
    totals = {status: count[status] for status in _COLOURS}
    record = {"findings": [finding._asdict() for finding in found], "totals": totals}
    return json.dumps(record, indent=1, ensure_ascii=False)
