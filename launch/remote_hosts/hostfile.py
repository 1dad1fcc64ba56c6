"""Reads the list of hosts of a job: one line `name slots=N` per host, in the order in which ranks fill them.

`python -m launch.remote_hosts.hostfile FILE` prints it as an elastic job wants it, NAME:SLOTS.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import NamedTuple

from launch.launch_errors import LaunchError

_EXPECTED = "expected a line such as `node1 slots=2`"


class Host(NamedTuple):
    # As ssh and the other hosts know it: a name or an IPv4 address.
    name: str
    # Ranks that it can take.
    slots: int


def read_hosts(path: str | Path) -> list[Host]:
    """The hosts of a file; # begins a comment, and empty lines are ignored. Raises LaunchError with file:line."""
    try:
        # Windows editors may write a byte order mark.
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise LaunchError(f"{path}: cannot be read ({reason}); name a file of lines `node1 slots=2`") from error
    first_line: dict[str, int] = {}
    hosts = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        host = _host(words, f"{path}:{number}")
        if host.name in first_line:
            raise LaunchError(
                f"{path}:{number}: {host.name} is already in line {first_line[host.name]}; give it one line with all "
                "of its slots"
            )
        first_line[host.name] = number
        hosts.append(host)
    if not hosts:
        raise LaunchError(f"{path}: names no host, {_EXPECTED} for each")
    return hosts


def _host(words: list[str], place: str) -> Host:
    name, *settings = words
    # horovodrun accepts no other names.
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name):
        raise LaunchError(f"{place}: {name!r} is neither a host name nor an IPv4 address; {_EXPECTED}")
    slots = None
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key != "slots" or not equals:
            near = "; did you mean slots?" if difflib.get_close_matches(key, ["slots"]) else ""
            raise LaunchError(f"{place}: found {setting!r} after {name}, {_EXPECTED}{near}")
        if slots is not None:
            raise LaunchError(f"{place}: {name} has slots twice; remove one of them")
        if not re.fullmatch(r"0*[1-9][0-9]{0,5}", value):
            raise LaunchError(f"{place}: slots of {name} is {value[:20]!r}, expected the ranks it can take, 1 or more")
        slots = int(value)
    if slots is None:
        raise LaunchError(f"{place}: {name} has no slots, {_EXPECTED}")
    return Host(name, slots)


def allot(hosts: list[Host], num_ranks: int) -> list[Host]:
    """The hosts with as many slots as ranks fill, in order, since horovodrun would fill all slots.

    Raises LaunchError if there are too few.
    """
    total = sum(host.slots for host in hosts)
    if num_ranks > total:
        raise LaunchError(
            f"--np {num_ranks} is more than the {total} slots of the hosts; give them more, or use --np {total}"
        )
    filled = []
    for host in hosts:
        slots = min(host.slots, num_ranks)
        num_ranks -= slots
        if slots:
            filled.append(Host(host.name, slots))
    return filled


if __name__ == "__main__":
    try:
        print("\n".join(f"{host.name}:{host.slots}" for host in read_hosts(sys.argv[1])))
    except LaunchError as _error:
        sys.exit(f"error: {_error}")
