"""Reads the list of hosts of a job: a line `name slots=N` each, in the order in which ranks fill them."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import NamedTuple

from launch.errors import LaunchError

_EXPECTED = "expected a line such as `node1 slots=2`"


class HostfileError(LaunchError):
    """A list of hosts that cannot be read, or that contradicts itself."""


class Host(NamedTuple):
    # As ssh and the other hosts know it: a name or an IPv4 address.
    name: str
    # Ranks it can take.
    slots: int


def read_hosts(path: str | Path) -> list[Host]:
    """The hosts of a file; # begins a comment, empty lines count for nothing. Raises HostfileError with file:line."""
    try:
        # Also as editors of Windows write it.
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise HostfileError(f"{path}: cannot be read ({reason}); name a file of lines `node1 slots=2`") from error
    first_line: dict[str, int] = {}
    hosts = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        host = _host(words, f"{path}:{number}")
        if host.name in first_line:
            raise HostfileError(
                f"{path}:{number}: {host.name} is in line {first_line[host.name]} already; give it one line with all "
                "of its slots"
            )
        first_line[host.name] = number
        hosts.append(host)
    if not hosts:
        raise HostfileError(f"{path}: names no host, {_EXPECTED} for each")
    return hosts


def _host(words: list[str], place: str) -> Host:
    name, *settings = words
    # What horovodrun can be told.
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name):
        raise HostfileError(f"{place}: {name!r} is no name of a host and no IPv4 address; {_EXPECTED}")
    slots = None
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key != "slots" or not equals:
            near = "; did you mean slots?" if difflib.get_close_matches(key, ["slots"]) else ""
            raise HostfileError(f"{place}: found {setting!r} behind {name}, {_EXPECTED}{near}")
        if slots is not None:
            raise HostfileError(f"{place}: {name} has slots twice; leave one of them")
        if not re.fullmatch(r"[0-9]+", value) or int(value) == 0:
            raise HostfileError(f"{place}: slots of {name} is {value!r}, expected how many ranks it takes, 1 or more")
        slots = int(value)
    if slots is None:
        raise HostfileError(f"{place}: {name} has no slots, {_EXPECTED}")
    return Host(name, slots)


def allot(hosts: list[Host], num_ranks: int) -> list[Host]:
    """The hosts with as many slots as ranks fill, the first ones first; horovodrun itself would fill all slots.

    Raises LaunchError if there are too few.
    """
    total = sum(host.slots for host in hosts)
    if num_ranks > total:
        raise LaunchError(
            f"--np {num_ranks} is more than the {total} slots of the hosts; give them more, or say --np {total}"
        )
    taken = []
    for host in hosts:
        slots = min(host.slots, num_ranks)
        num_ranks -= slots
        if slots:
            taken.append(Host(host.name, slots))
    return taken
