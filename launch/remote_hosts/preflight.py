"""Checks every host before a job starts there, and lists everything that prevents the start, with what to do."""

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

from launch.launch_errors import LaunchError
from launch.remote_hosts.host_facts import HostFacts, facts_of, gather
from launch.remote_hosts.hostfile import Host
from launch.remote_hosts.ssh_client import NO_CONNECTION, is_here, on_host

# Exit codes of the command that checks a host.
_NO_DIRECTORY, _NO_PYTHON = 93, 94
_AT_ONCE = 32
_SAME_COMMIT = "bring both to the same commit"


class ProjectPlace(NamedTuple):
    """Paths that must be the same on every host of a job."""

    folder: str
    python: str
    # Relative to the folder, or absolute.
    shards: str


class HostProblem(NamedTuple):
    # What to repair: ssh, folder, python, answer, versions, code, shards or name.
    kind: str
    found: str
    advice: str


OTHER_CODE = HostProblem("code", "its code of ner_dist or launch differs from that here", _SAME_COMMIT)


def check_hosts(hosts: list[Host], shards: str) -> None:
    """Raises LaunchError with everything wrong on any of the hosts; this machine is what they must be like."""
    place, here = ProjectPlace(os.getcwd(), sys.executable, shards), gather(shards)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = pool.map(lambda host: _problems(host.name, place, here, len(hosts) > 1), hosts)
    found = [f"{host.name}: {each.found}; {each.advice}" for host, listed in zip(hosts, problems) for each in listed]
    if found:
        raise LaunchError("the job was not started:\n" + "\n".join(f"  {line}" for line in found))


def _problems(host: str, place: ProjectPlace, here: HostFacts, several: bool) -> list[HostProblem]:
    try:
        address = socket.gethostbyname(host)
    except OSError:
        advice = "correct the list of hosts, or add the name to /etc/hosts"
        return [HostProblem("ssh", "its name does not resolve on this machine", advice)]
    if several and host == "localhost":
        advice = "list this machine by the name the others know it by"
        return [HostProblem("ssh", "this name means a different machine on each host", advice)]
    return inspect_host(host, address, place, here, several)[1]


def inspect_host(
    host: str, address: str, place: ProjectPlace, here: HostFacts, several: bool
) -> tuple[HostFacts | None, list[HostProblem]]:
    """What a host reports about itself, None if it could not be asked; and everything that is wrong with it.

    address: the one by which this machine knows it. several: whether other hosts must find it by its own name.
    """
    folder, python = shlex.quote(place.folder), shlex.quote(place.python)
    script = (
        f"cd {folder} 2>/dev/null || exit {_NO_DIRECTORY}; test -x {python} || exit {_NO_PYTHON}; "
        f"exec {python} -m launch.remote_hosts.host_facts {shlex.quote(place.shards)}"
    )
    command = ["sh", "-c", script]
    if is_here(host):
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    else:
        finished = on_host(host, command)
    if finished.returncode:
        return None, [_no_report(host, place, finished)]
    # A login script may print lines before it.
    facts = facts_of(json.loads(finished.stdout.splitlines()[-1]))
    if facts is None:
        return None, [OTHER_CODE]
    return facts, differences(facts, here, address, place.shards, several)


def differences(facts: HostFacts, here: HostFacts, address: str, shards: str, several: bool) -> list[HostProblem]:
    """What is wrong with a host of which this is known, compared with this machine; the rest as in inspect_host."""
    return [*_unlike(facts, here, shards), *_own_name(facts, address, several)]


def _no_report(host: str, place: ProjectPlace, finished: subprocess.CompletedProcess[str]) -> HostProblem:
    said = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
    set_up = f"run `make setup` in {place.folder} there"
    if finished.returncode == NO_CONNECTION:
        check = f"make sure that `ssh -o BatchMode=yes {host} true` works"
        return HostProblem("ssh", f"ssh cannot reach it without asking a question ({said})", check)
    if finished.returncode == _NO_DIRECTORY:
        same_path = "copy this one to the same path there, or use a shared file system"
        return HostProblem("folder", f"it has no directory {place.folder}", same_path)
    if finished.returncode == _NO_PYTHON:
        return HostProblem("python", f"it has no {place.python}", set_up)
    if "host_facts" in said:
        return HostProblem("code", f"its code in {place.folder} is older than here", _SAME_COMMIT)
    return HostProblem("answer", f"its Python cannot be asked ({said})", set_up)


def _unlike(facts: HostFacts, here: HostFacts, shards: str) -> Iterator[HostProblem]:
    other = [
        f"{name} {facts.versions.get(name, 'none')} instead of {here.versions.get(name, 'none')}"
        for name in sorted({*facts.versions, *here.versions})
        if facts.versions.get(name) != here.versions.get(name)
    ]
    if other:
        found = f"its versions differ from those here ({', '.join(other)})"
        yield HostProblem("versions", found, "run `make setup` there")
    if facts.sources != here.sources:
        yield OTHER_CODE
    if facts.shards is None and here.shards is not None:
        elsewhere = "copy them there, or use a directory that all hosts share"
        yield HostProblem("shards", f"it has no shards in {shards}", elsewhere)
    elif facts.shards != here.shards:
        yield HostProblem("shards", f"its shards in {shards} differ from those here (index.json)", "copy these there")


def _own_name(facts: HostFacts, address: str, several: bool) -> Iterator[HostProblem]:
    """With Gloo each host looks up its own name, and tells the others the address."""
    line = f"`{'ITS-ADDRESS' if address.startswith('127.') else address} {facts.name}`"
    change = f"change that line of its /etc/hosts to {line}"
    if facts.address is None:
        found = f"its own name {facts.name} does not resolve there, which Gloo needs"
        yield HostProblem("name", found, f"add {line} to its /etc/hosts")
    elif several and facts.address.startswith("127."):
        found = f"its own name {facts.name} is {facts.address} there, where the other hosts cannot find it"
        yield HostProblem("name", found, change)
    elif not facts.own_address:
        found = f"its own name {facts.name} is {facts.address} there, which is not one of its addresses"
        yield HostProblem("name", found, change)
