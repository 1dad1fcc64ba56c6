"""The hosts of an elastic job, as a user's command prints them: a line NAME:SLOTS for each host that there is now."""

from __future__ import annotations

import re
import subprocess

_PATIENCE_S = 60.0
_EXPECTED = "expected a line NAME:SLOTS for each host"


def hosts_of(command: str, default_slots: int | None = None) -> dict[str, int]:
    """The hosts and their slots, in the order of the lines. default_slots: of a line NAME without slots.

    Raises OSError if the command fails, and ValueError if it prints anything else.
    """
    pipe = subprocess.PIPE
    try:
        done = subprocess.run(
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command}: did not end within {_PATIENCE_S:g} s; {_EXPECTED}") from error
    if done.returncode:
        raise OSError(f"{command}: ended with code {done.returncode}; {_EXPECTED}")
    found = {}
    for line in filter(None, map(str.strip, done.stdout.splitlines())):
        parts = re.fullmatch(r"(\w[\w.-]*)(?::([0-9]{1,6}))?", line)
        slots = default_slots if parts is None or parts[2] is None else int(parts[2])
        if parts is None or slots is None:
            raise ValueError(f"{command}: printed {line!a}, {_EXPECTED}")
        found[parts[1]] = slots
    return found
