"""The check of this machine's own name, by which the ranks find each other."""

from __future__ import annotations

import ipaddress
import re
import socket

from launch.doctor.finding import Finding, as_root, fail, ok
from launch.doctor.machine import Machine, Options
from launch.doctor.ranks import name_line
from launch.ssh import is_here


def hostname(machine: Machine, options: Options) -> Finding:
    """Whether the own name resolves, and for several hosts not only to this machine itself."""
    name = machine.host_name
    try:
        addresses = machine.resolve(name)
    except OSError as error:
        found = f"this machine's own name, {name}, does not resolve ({error.strerror or error}); Gloo needs it"
        return fail("hostname", found, name_line(machine, own_address(machine, options) or "127.0.1.1"))
    shown = f"{name} is {', '.join(addresses)}"
    if options.hosts is None or not all(ipaddress.ip_address(each.split("%")[0]).is_loopback for each in addresses):
        return ok("hostname", shown)
    address = own_address(machine, options) or "ADDRESS"
    ask = [] if address != "ADDRESS" else ["ip -brief address   # which ADDRESS do others reach?"]
    found = f"{shown}, and its ranks would tell the other hosts to find them there"
    return fail("hostname", found, *ask, *mend_own_name(name, address))


def mend_own_name(name: str, address: str) -> list[str]:
    """The commands that let a host's own name stand for this address alone."""
    known = re.escape(name)
    return [
        # Copied into the file, which a container may not let be replaced by another.
        f'sed -E "/^127[.]/s/[[:space:]]{known}([[:space:]]|$)/\\1/g" /etc/hosts > /tmp/hosts',
        f'echo "{address} {name}" >> /tmp/hosts',
        as_root("cp /tmp/hosts /etc/hosts"),
    ]


def own_address(machine: Machine, options: Options) -> str | None:
    """The address by which the first other host of the list would know this one; nothing is sent."""
    others = (host.name for host in options.listed() if not is_here(host.name))
    return next((address for name in others if (address := address_towards(machine, name)) is not None), None)


def address_towards(machine: Machine, name: str) -> str | None:
    """This machine's address on the way to another; None if there is no way."""
    try:
        target = machine.resolve(name)[0]
        kind = socket.AF_INET6 if ":" in target else socket.AF_INET
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            # Of a datagram socket: decides on the way, and sends nothing.
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except (OSError, IndexError):
        return None
