"""All checks by name, and the way through those that were asked for; none stops another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from launch.doctor import gpus, hosts, network, ranks, resources, software, storage
from launch.doctor.finding import Finding, fail
from launch.doctor.machine import Machine, Options
from launch.hostfile import read_hosts
from launch.ssh import is_here
from ner_dist.errors import UserError

if TYPE_CHECKING:
    # Python 3.8 cannot say this, and is to be told what it lacks.
    Check = Callable[[Machine, Options], Finding]

# In the order in which they are told: what others build upon comes first.
CHECKS: dict[str, Check] = {
    "python": software.python,
    "venv": software.venv,
    "platform": software.platform,
    "compiler": software.compiler,
    "shadowing": software.shadowing,
    "packages": software.packages,
    "mxnet": ranks.mxnet,
    "hostname": network.hostname,
    "horovod": ranks.horovod,
    "threads": resources.threads,
    "memory": resources.memory,
    "limits": resources.limits,
    "shards": storage.shards,
    "shards-disk": storage.shards_disk,
    "run-disk": storage.run_disk,
    "gpu-driver": gpus.driver,
    "gpu": gpus.capability,
    "nccl": ranks.nccl,
    "hostfile": hosts.hostfile,
}
# Made for each host of a list.
HOST_CHECKS: dict[str, Callable[[Machine, Options, str], Finding]] = {
    "ssh": hosts.ssh,
    "copy": hosts.copy,
    "name": hosts.own_name,
    "route": hosts.route,
    "clock": hosts.clock,
}


# Checks of hosts under way; each is an ssh, of which sshd lets in ten at once that have not proved themselves.
_AT_ONCE = 8


class DoctorError(UserError):
    """The doctor was asked for something it cannot do."""


def planned(machine: Machine, options: Options) -> list[tuple[str, Check]]:
    """The checks that the options ask for, by name. Raises DoctorError for a name that does not exist."""
    unknown = [name for name in options.only if name not in CHECKS and name not in HOST_CHECKS]
    if unknown:
        known = ", ".join([*CHECKS, *HOST_CHECKS])
        raise DoctorError(f"--only: there is no check {unknown[0]!r}, expected of {known}")
    if options.np < 1:
        raise DoctorError(f"--np is {options.np}, expected a number above 0")
    wanted = options.only or (*CHECKS, *HOST_CHECKS)
    checks = [(name, check) for name, check in CHECKS.items() if name in wanted]
    of_hosts = {name: check for name, check in HOST_CHECKS.items() if name in wanted}
    for host in _host_names(options) if of_hosts else []:
        # Of this machine one line says that it is this machine.
        names = list(of_hosts)[:1] if is_here(host) else list(of_hosts)
        checks += [(f"{name} {host}", functools.partial(_of_host, of_hosts[name], host)) for name in names]
    return checks


def _of_host(
    check: Callable[[Machine, Options, str], Finding], host: str, machine: Machine, options: Options
) -> Finding:
    return check(machine, options, host)


def _host_names(options: Options) -> list[str]:
    if options.hosts is None:
        return []
    try:
        return [host.name for host in read_hosts(options.hosts)]
    except UserError:
        # Told by the check hostfile.
        return []


def made(name: str, check: Check, machine: Machine, options: Options) -> Finding:
    """What a check finds; if it fails itself, a FAIL that says so."""
    try:
        return check(machine, options)
    except Exception as error:
        found = f"the check itself failed: {type(error).__name__}: {error}".splitlines()[0]
        return fail(name, found, f"python -m launch doctor --only {name.split()[0]} --json   # report this, please")


def findings(
    machine: Machine, options: Options, begins: Callable[[str], object] = lambda name: None
) -> Iterator[Finding]:
    """What the checks find, in their order; begins(name) is called before each is waited for.

    This machine's run one after the other, because they measure; those of other hosts wait for answers together.
    """
    checks = planned(machine, options)
    for name, check in checks:
        if name in CHECKS:
            begins(name)
            yield made(name, check, machine, options)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [
            (name, pool.submit(made, name, check, machine, options)) for name, check in checks if name not in CHECKS
        ]
        for name, answer in waiting:
            begins(name)
            yield answer.result()
