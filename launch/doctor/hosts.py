"""Checks of the hosts of a list: ssh, the same project there, their clocks, and the way back to this machine."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import time
from pathlib import Path

from launch.doctor.finding import Finding, as_root, fail, ok, skip, warn
from launch.doctor.machine import PROJECT, Machine, Options, last_words
from launch.doctor.network import address_towards, mend_own_name
from launch.doctor.ssh_failures import explain
from launch.host_facts import gather
from launch.hostfile import read_hosts
from launch.preflight import Look, Place, look
from launch.ssh import NO_CONNECTION, on_host
from ner_dist.errors import UserError

TIMEOUT_S = 15
# Beyond this, logs of hosts cannot be put in one order, and make takes old files for new ones.
MOST_SKEW_S = 1.0


def hostfile(machine: Machine, options: Options) -> Finding:
    """Whether the list of hosts can be read, and has a place for each rank."""
    if options.hosts is None:
        return skip("hostfile", "one machine; --hosts FILE examines several")
    try:
        hosts = read_hosts(options.hosts)
    except UserError as error:
        example = f"printf 'node1 slots=2\\nnode2 slots=2\\n' > {_q(options.hosts)}   # with names of yours"
        return fail("hostfile", str(error), example)
    slots = sum(host.slots for host in hosts)
    if slots < options.np:
        what = f"{options.hosts} has {slots} slots, and {options.np} ranks need one each"
        fewer = f"python -m launch doctor --hosts {_q(options.hosts)} --np {slots}   # or give them more slots"
        return fail("hostfile", what, fewer)
    return ok("hostfile", f"{options.hosts}: {len(hosts)} hosts, {slots} slots")


def ssh(machine: Machine, options: Options, host: str) -> Finding:
    """Whether a host lets this user in without asking."""
    name = f"ssh {host}"
    begin_s = time.perf_counter()
    done = on_host(host, ["true"], TIMEOUT_S)
    if done.returncode:
        what, fix = explain(host, done.stderr, machine.install("openssh-client"))
        return fail(name, f"{host} cannot be reached: {what}", *fix)
    return ok(name, f"answers in {time.perf_counter() - begin_s:.1f} s")


def clock(machine: Machine, options: Options, host: str) -> Finding:
    """A host's clock against this one's, taken at the middle of the way there and back."""
    name = f"clock {host}"
    begin_s = time.time()
    done = on_host(host, ["date", "+%s.%N"], TIMEOUT_S)
    end_s = time.time()
    if done.returncode == NO_CONNECTION:
        return skip(name, "not reached")
    try:
        skew_s = float(done.stdout.strip().splitlines()[-1]) - (begin_s + end_s) / 2
    except (ValueError, IndexError):
        said = last_words(done.stdout + done.stderr) or "no answer"
        return warn(name, f"{host} does not tell its time: {said}", f"ssh {host} date +%s.%N")
    unsure_s = (end_s - begin_s) / 2
    if abs(skew_s) <= unsure_s:
        return ok(name, f"the same as here, within {unsure_s:.1f} s")
    shown = f"{'ahead' if skew_s > 0 else 'behind'} by {abs(skew_s):.2f} s, give or take {unsure_s:.2f}"
    if abs(skew_s) - unsure_s > MOST_SKEW_S:
        mend = f"ssh {host} {as_root('timedatectl set-ntp true')}   # and the same here, if this clock is wrong"
        return warn(name, f"its clock is {shown}", mend)
    return ok(name, shown)


def _look(machine: Machine, options: Options, host: str) -> Look:
    """What `python -m launch ssh` would refuse a host for."""
    place = Place(str(PROJECT), machine.python, os.path.abspath(options.shards))
    return look(host, _address(machine, host), place, gather(place.shards), several=True)


def _address(machine: Machine, host: str) -> str:
    try:
        return machine.resolve(host)[0]
    except OSError:
        return "ADDRESS"


def copy(machine: Machine, options: Options, host: str) -> Finding:
    """Whether a host has the same project at the same place, with the same versions and shards."""
    name, shards = f"copy {host}", Path(os.path.abspath(options.shards))
    problems = _look(machine, options, host).problems
    found = {problem.kind: problem.found for problem in problems if problem.kind != "name"}
    if "ssh" in found:
        return skip(name, "not reached")
    if not found:
        return ok(name, "the same code, versions and shards as here")
    fix = _send(host, PROJECT) if found.keys() & {"folder", "answer", "code"} else []
    fix += [_set_up(host)] if found.keys() & {"folder", "python", "answer", "versions"} else []
    if "shards" in found:
        here = (shards / "index.json").is_file()
        fix += _send(host, shards) if here else _fetch(host, shards)
    return fail(name, "; ".join(found.values()), *fix)


def _send(host: str, folder: Path) -> list[str]:
    """The command that puts a copy of a folder at the same place of a host."""
    there = f"mkdir -p {_q(folder)} && tar -x -C {_q(folder)}"
    # Neither environments, which are made there, nor what is fetched and trained.
    leave = " --exclude='./.*' --exclude=./data --exclude=./runs" if folder == PROJECT else ""
    return [f"tar -c -C {_q(folder)}{leave} . | ssh {host} {_q(there)}"]


def _fetch(host: str, folder: Path) -> list[str]:
    return [f"mkdir -p {_q(folder)}", f"ssh {host} {_q(f'tar -c -C {_q(folder)} .')} | tar -x -C {_q(folder)}"]


def _set_up(host: str) -> str:
    return f"ssh {host} {_q(f'cd {_q(PROJECT)} && rm -f .venv/ready && make setup')}"


def own_name(machine: Machine, options: Options, host: str) -> Finding:
    """Whether a host knows its own name by an address at which others find it, which its ranks tell them."""
    name = f"name {host}"
    facts, problems = _look(machine, options, host)
    if facts is None:
        return skip(name, "not reached" if problems[0].kind == "ssh" else "cannot be asked; see copy")
    found = [problem.found for problem in problems if problem.kind == "name"]
    if not found:
        return ok(name, f"{facts.name} is {facts.address}")
    script = "; ".join(mend_own_name(facts.name, _address(machine, host)))
    return fail(name, found[0], f"ssh {host} {_q(script)}")


def route(machine: Machine, options: Options, host: str) -> Finding:
    """Whether a host reaches a port of this machine, as Horovod's ranks do."""
    name = f"route {host}"
    address = address_towards(machine, host)
    if address is None:
        return skip(name, "its name gives no address here")
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(({address!r}, {port}), 5)"
        done = on_host(host, ["sh", "-c", f"exec {_q(machine.python)} -c {_q(code)}"], TIMEOUT_S)
    if done.returncode == NO_CONNECTION:
        return skip(name, "not reached")
    if "No such file" in done.stderr or "not found" in done.stderr:
        return skip(name, "has no Python to try it with; see copy")
    if done.returncode:
        with contextlib.suppress(OSError, IndexError):
            host = machine.resolve(host)[0]
        allow = as_root(f"ufw allow from {host}")
        found = f"it cannot connect back to {address}: {last_words(done.stderr)}"
        return fail(name, found, f"{allow}   # or the same in another firewall")
    return ok(name, f"connects back to {address}")


def _q(text: object) -> str:
    return shlex.quote(str(text))
