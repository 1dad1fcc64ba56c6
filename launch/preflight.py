"""Looks at every host before a job starts there, and lists all that stands in its way, with what to do."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from launch.errors import LaunchError
from launch.host_facts import HostFacts, gather
from launch.hostfile import Host
from launch.ssh import NO_CONNECTION, is_here, on_host

# Codes with which the look at a host ends.
_NO_DIRECTORY, _NO_PYTHON = 93, 94
_AT_ONCE = 32


def check_hosts(hosts: list[Host], shards: str) -> None:
    """Raises LaunchError that lists what is wrong with each of the hosts; this machine tells what is right."""
    here = gather(shards)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = pool.map(lambda host: _problems(host.name, here, shards, len(hosts) > 1), hosts)
    found = [f"{host.name}: {problem}" for host, listed in zip(hosts, problems) for problem in listed]
    if found:
        raise LaunchError("the job was not started:\n" + "\n".join(f"  {line}" for line in found))


def _problems(host: str, here: HostFacts, shards: str, several: bool) -> list[str]:
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return ["its name does not resolve on this machine; mend the list of hosts, or add the name to /etc/hosts"]
    if several and host == "localhost":
        return ["this name means another machine on each; list this one by the name the others know it by"]
    facts = _facts(host, shards)
    return [facts] if isinstance(facts, str) else _differences(facts, here, shards, several, address)


def _facts(host: str, shards: str) -> HostFacts | str:
    """What a host tells of itself, or what keeps it from that."""
    folder, python = shlex.quote(os.getcwd()), shlex.quote(sys.executable)
    look = (
        f"cd {folder} 2>/dev/null || exit {_NO_DIRECTORY}; test -x {python} || exit {_NO_PYTHON}; "
        f"exec {python} -m launch.host_facts {shlex.quote(shards)}"
    )
    command = ["sh", "-c", look]
    finished = _here(command) if is_here(host) else on_host(host, command)
    if finished.returncode == 0:
        # A login script may have printed something before.
        return HostFacts(**json.loads(finished.stdout.splitlines()[-1]))
    said = finished.stderr.strip().splitlines()[-1:] or ["no reason given"]
    if finished.returncode == NO_CONNECTION:
        return f"ssh cannot reach it without a question ({said[0]}); see that `ssh -o BatchMode=yes {host} true` works"
    if finished.returncode == _NO_DIRECTORY:
        return f"it has no directory {os.getcwd()}; put this one at the same path there, or on a shared file system"
    if finished.returncode == _NO_PYTHON:
        return f"it has no {sys.executable}; run `make setup` in {os.getcwd()} there"
    if "launch.host_facts" in said[0]:
        return f"the code in {os.getcwd()} there is older than here; bring both to the same commit"
    return f"its Python cannot be asked ({said[0]}); run `make setup` in {os.getcwd()} there"


def _here(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _differences(facts: HostFacts, here: HostFacts, shards: str, several: bool, address: str) -> list[str]:
    problems = []
    names = sorted({*facts.versions, *here.versions})
    other = [name for name in names if facts.versions.get(name) != here.versions.get(name)]
    if other:
        shown = ", ".join(
            f"{name} {facts.versions.get(name, 'none')} instead of {here.versions.get(name, 'none')}" for name in other
        )
        problems.append(f"other versions than here ({shown}); run `make setup` there")
    if facts.sources != here.sources:
        problems.append("the code of ner_dist or launch differs from that here; bring both to the same commit")
    if facts.shards is None:
        problems.append(f"there are no shards in {shards}; copy them there, or name a directory that all hosts see")
    elif facts.shards != here.shards:
        problems.append(f"the shards in {shards} are others than here (index.json differs); copy these there")
    wanted = f"`{'ITS-ADDRESS' if address.startswith('127.') else address} {facts.name}`"
    if facts.address is None:
        problems.append(
            f"its own name {facts.name} does not resolve there, which Gloo needs; add {wanted} to its /etc/hosts"
        )
    elif several and facts.address.startswith("127."):
        problems.append(
            f"its own name {facts.name} is {facts.address} there, where the other hosts would look for it in vain; "
            f"change that line of its /etc/hosts to {wanted}"
        )
    elif not facts.own_address:
        problems.append(
            f"its own name {facts.name} is {facts.address} there, which is no address of it; change that line of its "
            f"/etc/hosts to {wanted}"
        )
    return problems
