"""Looks at every host before a job starts there, and lists all that stands in its way, with what to do."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from launch.errors import LaunchError
from launch.host_facts import HostFacts, gather
from launch.hostfile import Host
from launch.ssh import NO_CONNECTION, is_here, on_host

# Codes with which the look at a host ends.
_NO_DIRECTORY, _NO_PYTHON = 93, 94
_AT_ONCE = 32


class Place(NamedTuple):
    """What every host of a job must have under the same paths."""

    folder: str
    python: str
    # Relative to the folder, or absolute.
    shards: str


class Problem(NamedTuple):
    # What is to be mended: ssh, folder, python, answer, versions, code, shards or name.
    kind: str
    found: str
    advice: str


class Look(NamedTuple):
    # None if the host could not be asked.
    facts: HostFacts | None
    problems: list[Problem]


def check_hosts(hosts: list[Host], shards: str) -> None:
    """Raises LaunchError that lists what is wrong with each of the hosts; this machine tells what is right."""
    place, here = Place(os.getcwd(), sys.executable, shards), gather(shards)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = pool.map(lambda host: _problems(host.name, place, here, len(hosts) > 1), hosts)
    found = [f"{host.name}: {each.found}; {each.advice}" for host, listed in zip(hosts, problems) for each in listed]
    if found:
        raise LaunchError("the job was not started:\n" + "\n".join(f"  {line}" for line in found))


def _problems(host: str, place: Place, here: HostFacts, several: bool) -> list[Problem]:
    try:
        address = socket.gethostbyname(host)
    except OSError:
        advice = "mend the list of hosts, or add the name to /etc/hosts"
        return [Problem("ssh", "its name does not resolve on this machine", advice)]
    if several and host == "localhost":
        advice = "list this one by the name the others know it by"
        return [Problem("ssh", "this name means another machine on each", advice)]
    return look(host, address, place, here, several).problems


def look(host: str, address: str, place: Place, here: HostFacts, several: bool) -> Look:
    """What a host tells of itself, and all that is wrong with it.

    address: by which this machine knows it. several: whether other hosts must find it by its own name.
    """
    folder, python = shlex.quote(place.folder), shlex.quote(place.python)
    script = (
        f"cd {folder} 2>/dev/null || exit {_NO_DIRECTORY}; test -x {python} || exit {_NO_PYTHON}; "
        f"exec {python} -m launch.host_facts {shlex.quote(place.shards)}"
    )
    command = ["sh", "-c", script]
    finished = _here(command) if is_here(host) else on_host(host, command)
    if finished.returncode:
        return Look(None, [_unasked(host, place, finished)])
    # A login script may have printed something before.
    facts = HostFacts(**json.loads(finished.stdout.splitlines()[-1]))
    return Look(facts, [*_differences(facts, here, place.shards), *_own_name(facts, address, several)])


def _here(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _unasked(host: str, place: Place, finished: subprocess.CompletedProcess[str]) -> Problem:
    """Why a host did not tell of itself."""
    said = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
    set_up = f"run `make setup` in {place.folder} there"
    if finished.returncode == NO_CONNECTION:
        works = f"see that `ssh -o BatchMode=yes {host} true` works"
        return Problem("ssh", f"ssh cannot reach it without a question ({said})", works)
    if finished.returncode == _NO_DIRECTORY:
        same = "put this one at the same path there, or on a shared file system"
        return Problem("folder", f"it has no directory {place.folder}", same)
    if finished.returncode == _NO_PYTHON:
        return Problem("python", f"it has no {place.python}", set_up)
    if "launch.host_facts" in said:
        return Problem("code", f"the code in {place.folder} there is older than here", _SAME_COMMIT)
    return Problem("answer", f"its Python cannot be asked ({said})", set_up)


_SAME_COMMIT = "bring both to the same commit"


def _differences(facts: HostFacts, here: HostFacts, shards: str) -> Iterator[Problem]:
    other = [
        f"{name} {facts.versions.get(name, 'none')} instead of {here.versions.get(name, 'none')}"
        for name in sorted({*facts.versions, *here.versions})
        if facts.versions.get(name) != here.versions.get(name)
    ]
    if other:
        yield Problem("versions", f"other versions than here ({', '.join(other)})", "run `make setup` there")
    if facts.sources != here.sources:
        yield Problem("code", "the code of ner_dist or launch differs from that here", _SAME_COMMIT)
    if facts.shards == here.shards:
        return
    if facts.shards is None:
        elsewhere = "copy them there, or name a directory that all hosts see"
        yield Problem("shards", f"there are no shards in {shards}", elsewhere)
    else:
        yield Problem("shards", f"the shards in {shards} are others than here (index.json differs)", "copy these there")


def _own_name(facts: HostFacts, address: str, several: bool) -> Iterator[Problem]:
    """Gloo lets each host look up its own name, and tell the others what that gave."""
    line = f"`{'ITS-ADDRESS' if address.startswith('127.') else address} {facts.name}`"
    change = f"change that line of its /etc/hosts to {line}"
    if facts.address is None:
        found = f"its own name {facts.name} does not resolve there, which Gloo needs"
        yield Problem("name", found, f"add {line} to its /etc/hosts")
    elif several and facts.address.startswith("127."):
        found = f"its own name {facts.name} is {facts.address} there, where the other hosts would look for it in vain"
        yield Problem("name", found, change)
    elif not facts.own_address:
        found = f"its own name {facts.name} is {facts.address} there, which is no address of it"
        yield Problem("name", found, change)
