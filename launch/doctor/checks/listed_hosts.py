"""Checks of hosts: this machine's own name; and of those of a list ssh, the project, their clocks, the way back."""

from __future__ import annotations

import csv
import ipaddress
import os
import re
import socket
import time
from pathlib import Path

from launch.doctor.checks.mxnet_and_horovod import name_line
from launch.doctor.finding import Finding, as_root, fail, ok, quoted, skip, warn
from launch.doctor.machine import PROJECT, DoctorOptions, Machine, last_line
from launch.remote_hosts.host_facts import HostFacts, gather
from launch.remote_hosts.hostfile import read_hosts
from launch.remote_hosts.preflight import HostProblem, ProjectPlace, inspect_host
from launch.remote_hosts.ssh_client import NO_CONNECTION, is_here, on_host
from ner_dist.errors import UserError
from ner_dist.stores.addresses import is_address

TIMEOUT_S = 15
# With more, logs of several hosts cannot be ordered, and make takes old files for new ones.
MOST_SKEW_S = 1.0


def hostfile(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether the list of hosts can be read, and has a place for each rank."""
    if options.hosts is None:
        return skip("one machine; --hosts FILE examines several")
    try:
        hosts = read_hosts(options.hosts)
    except UserError as error:
        example = f"printf 'node1 slots=2\\nnode2 slots=2\\n' > {quoted(options.hosts)}   # with your names"
        return fail(str(error), example)
    slots = sum(host.slots for host in hosts)
    if slots < options.np:
        what = f"{options.hosts} has {slots} slots, and {options.np} ranks need one each"
        fewer = f"python -m launch doctor --hosts {quoted(options.hosts)} --np {slots}   # or give them more slots"
        return fail(what, fewer)
    return ok(f"{options.hosts}: {len(hosts)} hosts, {slots} slots")


def ssh(machine: Machine, options: DoctorOptions, host: str) -> Finding:
    """Whether a host lets this user log in without a question."""
    begin_s = time.perf_counter()
    done = on_host(host, ["true"], TIMEOUT_S)
    if not done.returncode:
        return ok(f"answers in {time.perf_counter() - begin_s:.1f} s")
    known = re.search(r"Offending \S+ key in (\S+):\d+", done.stderr)
    words = {
        "host": host,
        "known": known[1] if known else "~/.ssh/known_hosts",
        "root": as_root("systemctl enable --now ssh"),
        "tee": as_root("tee -a /etc/hosts"),
        "firewall": as_root("ufw allow 22/tcp"),
        "client": machine.install("openssh-client"),
    }
    # OpenSSH's messages as a pattern, what they mean, and the commands that repair it.
    with open(Path(__file__).with_name("ssh_failures.csv"), encoding="utf-8", newline="") as file:
        for failure in csv.DictReader(file):
            if re.search(failure["said"], done.stderr):
                return fail(f"{host} cannot be reached: {failure['meaning']}", failure["fix"].format(**words))
    said = last_line(done.stderr) or "without a message"
    return fail(f"{host} cannot be reached: ssh failed: {said}", f"ssh -v {host} true")


def clock(machine: Machine, options: DoctorOptions, host: str) -> Finding:
    """A host's clock compared with this one's at the middle of the round trip."""
    begin_s = time.time()
    done = on_host(host, ["date", "+%s.%N"], TIMEOUT_S)
    end_s = time.time()
    if done.returncode == NO_CONNECTION:
        return skip("not reached")
    try:
        skew_s = float(done.stdout.strip().splitlines()[-1]) - (begin_s + end_s) / 2
    except (ValueError, IndexError):
        said = last_line(done.stdout + done.stderr) or "no answer"
        return warn(f"{host} does not give its time: {said}", f"ssh {host} date +%s.%N")
    unsure_s = (end_s - begin_s) / 2
    if abs(skew_s) <= unsure_s:
        return ok(f"the same as here, within {unsure_s:.1f} s")
    shown = f"{'ahead' if skew_s > 0 else 'behind'} by {abs(skew_s):.2f} s, give or take {unsure_s:.2f}"
    if abs(skew_s) - unsure_s > MOST_SKEW_S:
        set_clock = f"ssh {host} {as_root('timedatectl set-ntp true')}   # and here, if this clock is the wrong one"
        return warn(f"its clock is {shown}", set_clock)
    return ok(shown)


def _report(machine: Machine, options: DoctorOptions, host: str) -> tuple[HostFacts | None, list[HostProblem]]:
    """The report for which `python -m launch ssh` would refuse a host."""
    shards = options.shards if is_address(options.shards) else os.path.abspath(options.shards)
    place = ProjectPlace(str(PROJECT), machine.python, shards)
    return inspect_host(host, _address(machine, host), place, gather(place.shards), several=True)


def _address(machine: Machine, host: str) -> str:
    try:
        return machine.resolve(host)[0]
    except OSError:
        return "ADDRESS"


def copy(machine: Machine, options: DoctorOptions, host: str) -> Finding:
    """Whether a host has the same project at the same place, with the same versions and shards."""
    shards = Path(os.path.abspath(options.shards))
    _, problems = _report(machine, options, host)
    found = {problem.kind: problem.found for problem in problems if problem.kind != "name"}
    if "ssh" in found:
        return skip("not reached")
    if not found:
        return ok("the same code, versions and shards as here")
    fix = []
    if found.keys() & {"folder", "answer", "code"}:
        fix.append(_send(host, PROJECT))
    if found.keys() & {"folder", "python", "answer", "versions"}:
        fix.append(f"ssh {host} {quoted(f'cd {quoted(PROJECT)} && rm -f .venv/ready && make setup')}")
    if "shards" in found and (shards / "index.json").is_file():
        fix.append(_send(host, shards))
    elif "shards" in found:
        folder = quoted(shards)
        fix += [f"mkdir -p {folder}", f"ssh {host} {quoted(f'tar -c -C {folder} .')} | tar -x -C {folder}"]
    return fail("; ".join(found.values()), *fix)


def _send(host: str, folder: Path) -> str:
    """The command that copies a folder to the same path on a host."""
    there = f"mkdir -p {quoted(folder)} && tar -x -C {quoted(folder)}"
    # Without environments, which are made there, and without what was fetched and trained.
    leave = " --exclude='./.*' --exclude=./data --exclude=./runs" if folder == PROJECT else ""
    return f"tar -c -C {quoted(folder)}{leave} . | ssh {host} {quoted(there)}"


def own_name(machine: Machine, options: DoctorOptions, host: str) -> Finding:
    """Whether a host's own name resolves to an address at which other hosts find it; its ranks send it to them."""
    facts, problems = _report(machine, options, host)
    if facts is None:
        return skip("not reached" if problems[0].kind == "ssh" else "cannot be asked; see the check copy")
    found = [problem.found for problem in problems if problem.kind == "name"]
    if not found:
        return ok(f"{facts.name} is {facts.address}")
    script = "; ".join(set_own_name(facts.name, _address(machine, host)))
    return fail(found[0], f"ssh {host} {quoted(script)}")


def route(machine: Machine, options: DoctorOptions, host: str) -> Finding:
    """Whether a host can connect to a port of this machine, as Horovod's ranks must."""
    address = address_towards(machine, host)
    if address is None:
        return skip("its name does not resolve here")
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(({address!r}, {port}), 5)"
        done = on_host(host, ["sh", "-c", f"exec {quoted(machine.python)} -c {quoted(code)}"], TIMEOUT_S)
    if done.returncode == NO_CONNECTION:
        return skip("not reached")
    if "No such file" in done.stderr or "not found" in done.stderr:
        return skip("has no Python to try it with; see the check copy")
    if done.returncode:
        allow = as_root(f"ufw allow from {_address(machine, host)}")
        found = f"it cannot connect back to {address}: {last_line(done.stderr)}"
        return fail(found, f"{allow}   # or the same for another firewall")
    return ok(f"connects back to {address}")


def hostname(machine: Machine, options: DoctorOptions) -> Finding:
    """Whether the machine's own name resolves; with several hosts, to an address that is not loopback."""
    name = machine.host_name
    try:
        addresses = machine.resolve(name)
    except OSError as error:
        found = f"this machine's own name, {name}, does not resolve ({error.strerror or error}); Gloo needs it"
        return fail(found, name_line(machine, own_address(machine, options) or "127.0.1.1"))
    shown = f"{name} is {', '.join(addresses)}"
    if options.hosts is None or not all(ipaddress.ip_address(each.split("%")[0]).is_loopback for each in addresses):
        return ok(shown)
    address = own_address(machine, options) or "ADDRESS"
    ask = [] if address != "ADDRESS" else ["ip -brief address   # which ADDRESS can others reach?"]
    found = f"{shown}, which its ranks would send to the other hosts"
    return fail(found, *ask, *set_own_name(name, address))


def set_own_name(name: str, address: str) -> list[str]:
    """The commands that make a host's own name resolve to this address only."""
    known = re.escape(name)
    return [
        # cp instead of mv, because in a container the file may not be replaceable.
        f'sed -E "/^127[.]/s/[[:space:]]{known}([[:space:]]|$)/\\1/g" /etc/hosts > /tmp/hosts',
        f'echo "{address} {name}" >> /tmp/hosts',
        as_root("cp /tmp/hosts /etc/hosts"),
    ]


def own_address(machine: Machine, options: DoctorOptions) -> str | None:
    """The address at which the first other host of the list would see this machine; nothing is sent."""
    others = (host.name for host in options.listed() if not is_here(host.name))
    return next((address for name in others if (address := address_towards(machine, name)) is not None), None)


def address_towards(machine: Machine, name: str) -> str | None:
    """This machine's address on the route to another; None if there is no route."""
    try:
        target = machine.resolve(name)[0]
        kind = socket.AF_INET6 if ":" in target else socket.AF_INET
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            # For a datagram socket this chooses the route, and sends nothing.
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except (OSError, IndexError):
        return None
