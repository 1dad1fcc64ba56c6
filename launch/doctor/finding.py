"""What a check says: a status, what was found, and the commands that mend it."""

from __future__ import annotations

import os
from typing import NamedTuple

OK, WARN, FAIL, SKIP = "ok", "warn", "FAIL", "skip"


class Finding(NamedTuple):
    name: str
    # ok; warn: training works, but not as it could; FAIL: it does not; skip: it does not apply here.
    status: str
    # One line.
    found: str
    # A line a command, as a shell takes it; what cannot be typed stands behind #. Empty unless warn or FAIL.
    fix: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name, OK, found)


def skip(name: str, found: str) -> Finding:
    return Finding(name, SKIP, found)


def warn(name: str, found: str, *fix: str) -> Finding:
    assert fix
    return Finding(name, WARN, found, "\n".join(fix))


def fail(name: str, found: str, *fix: str) -> Finding:
    assert fix
    return Finding(name, FAIL, found, "\n".join(fix))


def as_root(command: str) -> str:
    """The command as this user types it."""
    return command if os.geteuid() == 0 else f"sudo {command}"
