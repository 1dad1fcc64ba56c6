"""All checks by name, and the way through those that were asked for; none stops another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from launch.doctor import gpus, hosts, network, ranks, resources, software, storage
from launch.doctor.finding import Finding, fail, skip
from launch.doctor.machine import Machine, Options
from launch.errors import UsageError
from launch.ssh import is_here

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


def planned(machine: Machine, options: Options) -> list[tuple[str, Check]]:
    """The checks that the options ask for, by name. Raises UsageError for those that make no sense."""
    if options.np < 1:
        raise UsageError(f"--np is {options.np}, expected 1 rank or more")
    for option, value in (("--shards", options.shards), ("--run", options.run)):
        if not value:
            raise UsageError(f"{option} is empty, expected a directory")
    wanted = options.only or (*CHECKS, *HOST_CHECKS)
    of_hosts = {name: check for name, check in HOST_CHECKS.items() if name in wanted}
    if options.only and of_hosts and options.hosts is None:
        raise UsageError(f"--only {next(iter(of_hosts))} is a check of other hosts; list them: --hosts FILE")
    listed = [host.name for host in options.listed()] if of_hosts else []
    # Of a list that cannot be read there is nothing else to examine, and so nothing else that fails.
    unread = {"hostfile"} if of_hosts and not listed and options.hosts is not None else set()
    checks = [(name, check) for name, check in CHECKS.items() if name in {*wanted, *unread}]
    for host in listed:
        if is_here(host):
            name = f"{next(iter(of_hosts))} {host}"
            checks.append((name, functools.partial(_this_machine, name)))
        else:
            checks += [(f"{name} {host}", functools.partial(_of_host, of_hosts[name], host)) for name in of_hosts]
    return checks


def _of_host(
    check: Callable[[Machine, Options, str], Finding], host: str, machine: Machine, options: Options
) -> Finding:
    return check(machine, options, host)


def _this_machine(name: str, machine: Machine, options: Options) -> Finding:
    return skip(name, "is this machine")


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
